// What the page tells of decisions: words, a list of what was heard, the cost.

function element(name, text = "") {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

// A bar for every word.
export class Words {
  #list;
  #rows = [];

  constructor(list) {
    this.#list = list;
  }

  begin(labels) {
    this.#rows = labels.map((label) => {
      const [bar, number] = [element("meter"), element("span", "–")];
      bar.setAttribute("aria-label", label);
      const row = element("li");
      row.append(element("span", label), bar, number);
      return { row, bar, number };
    });
    this.#list.replaceChildren(...this.#rows.map(({ row }) => row));
  }

  show(probabilities) {
    this.#rows.forEach(({ bar, number }, i) => {
      bar.value = probabilities[i];
      number.textContent = probabilities[i].toFixed(2);
    });
  }
}

// Newest first.
export class Heard {
  static #MOST = 100;
  #list;

  constructor(list) {
    this.#list = list;
  }

  begin() {
    this.#list.replaceChildren();
  }

  add({ time, label, probability }) {
    const row = element("li");
    row.append(
      element("strong", label),
      element("span", probability.toFixed(2)),
      element("span", `${time.toFixed(2)} s`),
    );
    this.#list.prepend(row);
    while (this.#list.children.length > Heard.#MOST) this.#list.lastChild.remove();
  }
}

// Clocks in pages are coarse: sums of many readings are not.
export class Cost {
  #fields;
  #decisions;
  #seconds;
  #microseconds;

  // Elements for {decisions, seconds, microseconds}.
  constructor(fields) {
    this.#fields = fields;
    this.begin();
  }

  begin() {
    this.#decisions = 0;
    this.#seconds = 0;
    this.#microseconds = 0;
    this.#show();
  }

  add({ decisions, seconds, microseconds }) {
    this.#decisions += decisions.length;
    this.#seconds += seconds;
    this.#microseconds += microseconds;
    this.#show();
  }

  #show() {
    const { decisions, seconds, microseconds } = this.#fields;
    decisions.textContent = this.#decisions;
    seconds.textContent = this.#seconds.toFixed(1);
    microseconds.textContent =
      this.#seconds < 1 ? "–" : (this.#microseconds / this.#seconds).toFixed(0);
  }
}
