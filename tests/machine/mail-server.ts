/**
 * `mail-server.ts KEY CERTIFICATE FOLDER`: a mail server as an institution has it, at port 587: it takes mail only after
 * STARTTLS, and from the account of the guide. Each mail becomes a file, named by its recipient.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';

const [key = '', certificate = '', folder = ''] = process.argv.slice(2);

new SMTPServer({
  key: readFileSync(key),
  cert: readFileSync(certificate),
  onAuth({ username, password }, session, done) {
    const right = session.secure && username === 'plc' && password === 'PASSWORD';
    done(right ? null : new Error('not this account'), { user: username });
  },
  onData(stream, session, done) {
    const [recipient] = session.envelope.rcptTo;
    text(stream).then((mail) => {
      writeFileSync(join(folder, recipient?.address ?? 'nobody'), mail);
      done();
    }, done);
  },
}).listen(587);
