/** Another program that makes containers, ready to make one from our image. */
export interface Peer {
  /** Creates and starts a container with network and limits. */
  start(name: string): Promise<void>;
  /** Runs `true` in it, to its end. */
  exec(name: string): Promise<void>;
  /** Removes it with all that was written. No effect when it is not there. */
  stop(name: string): Promise<void>;
}
