/** Values as they were at the end of a second, as far back as they may be asked for. */
export class History<T> {
  readonly #kept: { readonly second: number; readonly value: T }[] = [];
  #second = Number.NEGATIVE_INFINITY;
  #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  get present(): T {
    return this.#value;
  }

  /** `keepFrom`: nobody will ask for seconds before this one. */
  set(second: number, value: T, keepFrom: number): void {
    if (second > this.#second) {
      this.#kept.push({ second: this.#second, value: this.#value });
      let useless = 0;
      while ((this.#kept[useless + 1]?.second ?? Number.POSITIVE_INFINITY) <= keepFrom) useless += 1;
      if (useless > 0) this.#kept.splice(0, useless);
      this.#second = second;
    }
    this.#value = value;
  }

  /** The value at the end of a second that is over. */
  at(second: number): T {
    if (second >= this.#second) return this.#value;
    return this.#kept.findLast((one) => one.second <= second)?.value ?? this.#kept[0]?.value ?? this.#value;
  }

  copy(): History<T> {
    const copy = new History(this.#value);
    copy.#second = this.#second;
    copy.#kept.push(...this.#kept);
    return copy;
  }
}
