/**
 * What a container printed, as a terminal may have it: text, colours and line breaks, and nothing by which a terminal is
 * told to do something: its title, its clipboard, its cursor, what it answers. Pure, and fed in pieces of any size. Small
 * and our own, since what packages there are (strip-ansi, ansi-regex) match whole texts, know no sequence that a piece
 * cuts, and pass controls of one byte.
 */

/** Longer ones are none that anybody means; what follows is text again. */
const MAX_SEQUENCE = 64;
/** The bound of a title, a picture, a clipboard. Without one, a string that never ends would hide all that follows. */
const MAX_STRING = 4_096;

const ESC = "\u001b";
const RESET = `${ESC}[0m`;
/** Neither a control nor one that would turn the order of what stands around it. */
const PLAIN = /^[\n\t\u0020-\u007e\u00a0-\u2029\u202f-\u2065\u206a-\uffff]*$/;
/** Begin a string that lasts until its end is said: DCS, SOS, OSC, PM and APC, behind an escape or as one character. */
const STRINGS = "PX]^_";
const STRINGS_OF_ONE = "\u0090\u0098\u009d\u009e\u009f";
const SGR = /^[\d;:]*$/;

/**
 * Where the reading stands: in text, right behind an escape, in a control sequence (whose characters so far are kept), in
 * the rest of a shorter one, or in a string.
 */
type Within = "text" | "escape" | "sequence" | "short" | "string";

export class TerminalFilter {
  /** Bytes of no UTF-8 become U+FFFD, those of the eight-bit controls among them. */
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #within: Within = "text";
  #sequence = "";
  /** The length of the string. */
  #length = 0;
  #isCarriageBack = false;
  #isLineEmpty = true;
  #isColoured = false;

  take(bytes: Uint8Array): string {
    return this.#passed(this.#decoder.decode(bytes, { stream: true }));
  }

  /** What is left once nothing more comes; colours end with it. */
  end(): string {
    const rest = this.#passed(this.#decoder.decode());
    return `${rest}${this.#returned()}${this.#isColoured ? RESET : ""}`;
  }

  #passed(text: string): string {
    if (this.#within === "text" && !this.#isCarriageBack && PLAIN.test(text)) return this.#visible(text);
    let passed = "";
    for (const character of text) passed += this.#next(character);
    return passed;
  }

  #next(character: string): string {
    switch (this.#within) {
      case "text":
        return this.#inText(character);
      case "escape":
        return this.#behindEscape(character);
      case "sequence":
        return this.#inSequence(character);
      case "short":
        return this.#inShort(character);
      case "string":
        return this.#inString(character);
    }
  }

  #inText(character: string): string {
    if (character === "\r") {
      this.#isCarriageBack = true;
      return "";
    }
    const returned = character === "\n" ? this.#droppedReturn() : this.#returned();
    if (character === ESC) this.#within = "escape";
    else if (character === "\u009b") this.#begin("sequence");
    else if (STRINGS_OF_ONE.includes(character)) this.#begin("string");
    else if (PLAIN.test(character)) return `${returned}${this.#visible(character)}`;
    return returned;
  }

  #behindEscape(character: string): string {
    if (character === "[") this.#begin("sequence");
    else if (STRINGS.includes(character)) this.#begin("string");
    else if (isBetween(character, " ", "/")) this.#begin("short");
    else return this.#over(character, { isPart: isBetween(character, "0", "~") });
    return "";
  }

  #inSequence(character: string): string {
    if (isBetween(character, " ", "?") && this.#sequence.length < MAX_SEQUENCE) {
      this.#sequence += character;
      return "";
    }
    const isFinal = isBetween(character, "@", "~");
    const sequence = this.#sequence;
    const passed = this.#over(character, { isPart: isFinal });
    if (character !== "m" || !SGR.test(sequence)) return passed;
    this.#isColoured = !/^0*$/.test(sequence);
    return `${ESC}[${sequence}m`;
  }

  #inShort(character: string): string {
    this.#length += 1;
    if (isBetween(character, " ", "/") && this.#length < MAX_SEQUENCE) return "";
    return this.#over(character, { isPart: isBetween(character, "0", "~") });
  }

  /** It ends with BEL or ST (an escape begins that one), and for us with the line as well. */
  #inString(character: string): string {
    this.#length += 1;
    if (character === ESC) {
      this.#within = "escape";
      return "";
    }
    const isEnd = character === "\u0007" || character === "\u009c" || character === "\u0018";
    if (isEnd) return this.#over(character, { isPart: true });
    return character === "\n" || this.#length > MAX_STRING ? this.#over(character, { isPart: false }) : "";
  }

  /** What is no part of what ended stands for itself. */
  #over(character: string, { isPart }: { isPart: boolean }): string {
    this.#within = "text";
    return isPart ? "" : this.#inText(character);
  }

  #begin(within: Within): void {
    this.#within = within;
    this.#sequence = "";
    this.#length = 0;
  }

  #visible(text: string): string {
    if (text !== "") this.#isLineEmpty = text.endsWith("\n");
    return text;
  }

  /**
   * Whoever goes back to a line's beginning writes over what stood there, another's name or a rank's number among it. So
   * what comes then stands on a line of its own: a bar of progress is a line for each of its states.
   */
  #returned(): string {
    if (!this.#isCarriageBack) return "";
    this.#isCarriageBack = false;
    return this.#isLineEmpty ? "" : this.#visible("\n");
  }

  #droppedReturn(): string {
    this.#isCarriageBack = false;
    return "";
  }
}

function isBetween(character: string, first: string, last: string): boolean {
  return character >= first && character <= last && character.length === 1;
}
