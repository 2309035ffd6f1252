/** The connections that are on their way to be uplinks, from the first packet until they are open: who can wait lets them go first. */
export class Arrivals {
  #underWay = 0;

  get underWay(): number {
    return this.#underWay;
  }

  /** One more is on its way. Gives what is to be called when it has arrived or is gone; more than once does not matter. */
  begin(): () => void {
    let ended = false;
    this.#underWay += 1;
    return () => {
      if (!ended) this.#underWay -= 1;
      ended = true;
    };
  }
}
