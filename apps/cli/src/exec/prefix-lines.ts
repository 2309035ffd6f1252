import { StringDecoder } from 'node:string_decoder';

const LONGEST_LINE_CHARACTERS = 64 * 1024;

/** Cuts bytes into whole lines, so that those of many slivers do not mix within a line. */
export class LineCutter {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  push(chunk: Uint8Array): string[] {
    const lines = (this.#rest + this.#decoder.write(Buffer.from(chunk))).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > LONGEST_LINE_CHARACTERS) lines.push(this.#take());
    return lines;
  }

  /** What came after the last end of line, at the end of the stream. */
  end(): string[] {
    this.#rest += this.#decoder.end();
    return this.#rest === '' ? [] : [this.#take()];
  }

  #take(): string {
    const line = this.#rest;
    this.#rest = '';
    return line;
  }
}
