import type { StatusReport } from '@planetlab/contract';

/** The public status page: one HTML file without scripts, fonts or pictures from anywhere. It asks again every minute. */
export function renderStatusPage(report: StatusReport): string {
  const { nodes } = report;
  const [verdict, mood] = verdictOf(report);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="60">
<title>${html(report.authority)}: ${html(verdict)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${html(report.authority)}</h1>
<p class="verdict ${mood}">${html(verdict)}</p>
${report.announcements.map(renderAnnouncement).join('\n')}
<dl>
${figure('Nodes connected', nodes.connected)}
${figure('Nodes disconnected', nodes.disconnected)}
${figure('Nodes awaited', nodes.registered)}
${figure('Slices', report.slices)}
${figure('Slivers running', report.running)}
</dl>
${renderMap(report)}
${renderSites(report)}
<footer>As of <time>${html(utc(report.at))}</time>. The same for programs: <a href="/v1/status">/v1/status</a>. <a href="/">Console</a></footer>
</main>
</body>
</html>
`;
}

function verdictOf({ announcements, nodes }: StatusReport): [verdict: string, mood: string] {
  if (announcements.some(({ level }) => level === 'incident')) return ['There is an incident', 'bad'];
  if (announcements.some(({ level }) => level === 'maintenance')) return ['Maintenance', 'fair'];
  if (nodes.connected + nodes.disconnected === 0) return ['No node has joined yet', 'fair'];
  if (nodes.disconnected > nodes.connected) return ['Most nodes are disconnected', 'bad'];
  return ['In service', 'good'];
}

const figure = (label: string, value: number): string => `<div><dt>${label}</dt><dd>${value}</dd></div>`;

function renderAnnouncement({ level, title, text, at, endsAt }: StatusReport['announcements'][number]): string {
  const until = endsAt === null ? '' : `, expected to be over at ${utc(endsAt)}`;
  return `<article class="${level}">
<h2>${html(title)}</h2>
<p>${html(text).replaceAll('\n', '<br>')}</p>
<p class="when">${LEVEL_WORDS[level]} since ${html(utc(at) + until)}</p>
</article>`;
}

const LEVEL_WORDS = { incident: 'Incident', maintenance: 'Maintenance', news: 'News' } as const;

const WIDTH = 720;
const HEIGHT = 360;

/** Longitude and latitude as they are: enough to see where in the world. The table below says the same in words. */
function renderMap({ sites }: StatusReport): string {
  const dots = sites.flatMap(({ title, places, nodes }) =>
    places.map(({ latitude, longitude, city }) => {
      const x = ((longitude + 180) / 360) * WIDTH;
      const y = ((90 - latitude) / 180) * HEIGHT;
      const mood = nodes.connected > 0 ? 'good' : 'bad';
      return `<circle class="${mood}" cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="5"><title>${html(`${title}, ${city}`)}</title></circle>`;
    }),
  );
  if (dots.length === 0) return '';
  const lines = [1, 2, 3, 4, 5].map((sixth) => `<path d="M${(WIDTH / 6) * sixth} 0V${HEIGHT}"/>`);
  const across = [1, 2, 3].map((quarter) => `<path d="M0 ${(HEIGHT / 4) * quarter}H${WIDTH}"/>`);
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Sites by longitude and latitude">${[...lines, ...across, ...dots].join('')}</svg>`;
}

function renderSites({ sites }: StatusReport): string {
  if (sites.length === 0) return '<p>There are no sites yet.</p>';
  const rows = sites.map(({ title, places, nodes }) => {
    const where = places.map(({ city, country }) => `${city}, ${country}`).join('; ');
    const all = nodes.connected + nodes.disconnected + nodes.registered;
    return `<tr><td>${html(title)}</td><td>${html(where)}</td><td class="number">${nodes.connected} of ${all}</td></tr>`;
  });
  return `<table>
<thead><tr><th scope="col">Site</th><th scope="col">Places</th><th scope="col">Nodes connected</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>`;
}

const utc = (instant: string): string => `${instant.slice(0, 10)} ${instant.slice(11, 16)} UTC`;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const html = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '');

const STYLE = `
:root { color-scheme: light dark; --good: #2b8a3e; --fair: #b35c00; --bad: #c92a2a; --line: #8886; }
@media (prefers-color-scheme: dark) { :root { --good: #69db7c; --fair: #ffc078; --bad: #ff8787; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem; }
h1 { margin: 0; font-size: 1.5rem; }
h2 { margin: 0; font-size: 1.1rem; }
.verdict { font-size: 1.25rem; font-weight: 600; margin: .25rem 0 1rem; }
.good { color: var(--good); fill: var(--good); } .fair { color: var(--fair); } .bad { color: var(--bad); fill: var(--bad); }
article { border-left: .3rem solid var(--line); padding: .25rem 1rem; margin: 1rem 0; }
article.incident { border-color: var(--bad); } article.maintenance { border-color: var(--fair); }
article p { margin: .25rem 0; overflow-wrap: anywhere; } .when, footer { opacity: .75; font-size: .875rem; }
dl { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 1.5rem 0; }
dt { font-size: .875rem; opacity: .75; } dd { margin: 0; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; border: 1px solid var(--line); } svg path { stroke: var(--line); }
table { border-collapse: collapse; width: 100%; margin: 1.5rem 0; }
th, td { text-align: left; padding: .35rem .5rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
.number { font-variant-numeric: tabular-nums; }
`;
