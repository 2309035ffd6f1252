import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { NODE_MANAGER } from '../node-fixture.ts';

/** An entry of a tar archive, with whatever name and link target: no ordinary program would write these. */
interface Entry {
  readonly name: string;
  readonly type: 'file' | 'hardlink' | 'symlink';
  readonly link?: string;
  readonly content?: string;
}

const TYPES = { file: '0', hardlink: '1', symlink: '2' } as const;
const BLOCK = 512;

function tarEntry({ name, type, link = '', content = '' }: Entry): Buffer {
  const header = Buffer.alloc(BLOCK);
  const size = Buffer.byteLength(content);
  const fields: readonly (readonly [number, string])[] = [
    [0, name],
    [100, '0000644\0'],
    [108, '0000000\0'],
    [116, '0000000\0'],
    [124, `${size.toString(8).padStart(11, '0')}\0`],
    [136, '00000000000\0'],
    [148, '        '],
    [156, TYPES[type]],
    [157, link],
    [257, 'ustar\x0000'],
  ];
  for (const [offset, text] of fields) header.write(text, offset, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  const body = Buffer.alloc(Math.ceil(size / BLOCK) * BLOCK);
  body.write(content);
  return Buffer.concat([header, body]);
}

/** Ways out that have worked somewhere: paths upwards, absolute ones, and writing through links made just before. */
const layersAgainst = (folder: string, victim: string): readonly (readonly Entry[])[] => [
  [
    { name: 'etc/hello', type: 'file', content: 'hello' },
    { name: '../../../../../../../../planetlab-escaped', type: 'file', content: 'out' },
    { name: `../../../../../../../..${folder}/escaped`, type: 'file', content: 'out' },
    { name: 'out', type: 'symlink', link: folder },
    { name: 'up', type: 'symlink', link: '../../../../../../../../../..' },
    { name: 'victim', type: 'symlink', link: victim },
  ],
  [
    { name: 'out/by-symlink', type: 'file', content: 'out' },
    { name: `up${folder}/by-symlink`, type: 'file', content: 'out' },
    { name: 'victim', type: 'file', content: 'overwritten' },
    { name: '.wh.out', type: 'file' },
    { name: `up${folder}/.wh.victim`, type: 'file' },
  ],
  [
    { name: 'hard', type: 'hardlink', link: `../../../../../../../..${victim}` },
    { name: 'hard', type: 'file', content: 'overwritten' },
  ],
];

/** Writes an OCI archive with these layers and has it imported. What the importer said is returned: it may refuse. */
export async function importHostileImage(folder: string, victim: string): Promise<string> {
  const layout = join(folder, 'layout');
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  const blob = (bytes: Buffer, mediaType: string) => {
    const digest = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(layout, 'blobs/sha256', digest), bytes);
    return { mediaType, digest: `sha256:${digest}`, size: bytes.length };
  };
  const said: string[] = [];
  // each alone as well: a refusal of the first must not hide what the others would do
  const layers = layersAgainst(folder, victim);
  for (const chosen of [layers, ...layers.map((_, index) => layers.slice(0, index + 1).slice(-2))]) {
    const tars = chosen.map((entries) => Buffer.concat([...entries.map(tarEntry), Buffer.alloc(2 * BLOCK)]));
    const kind = 'application/vnd.oci.image';
    const config = {
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      rootfs: {
        type: 'layers',
        diff_ids: tars.map((tar) => `sha256:${createHash('sha256').update(tar).digest('hex')}`),
      },
    };
    const manifest = {
      schemaVersion: 2,
      mediaType: `${kind}.manifest.v1+json`,
      config: blob(Buffer.from(JSON.stringify(config)), `${kind}.config.v1+json`),
      layers: tars.map((tar) => blob(gzipSync(tar), `${kind}.layer.v1.tar+gzip`)),
    };
    const reference = blob(Buffer.from(JSON.stringify(manifest)), `${kind}.manifest.v1+json`);
    const annotations = { 'org.opencontainers.image.ref.name': 'latest' };
    writeFileSync(
      join(layout, 'index.json'),
      JSON.stringify({ schemaVersion: 2, manifests: [{ ...reference, annotations }] }),
    );
    writeFileSync(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
    const archive = join(folder, 'hostile.tar');
    execFileSync('tar', ['-C', layout, '-cf', archive, '.']);
    said.push(importArchive(archive, join(folder, 'images')));
  }
  return said.join('\n');
}

function importArchive(archive: string, images: string): string {
  try {
    const argv = [NODE_MANAGER, 'image', 'import', 'hostile', archive, '--images', images];
    return execFileSync(process.execPath, argv, { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    return String(error);
  }
}
