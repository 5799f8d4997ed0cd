/**
 * Exact decimals. Points (money) are BigInt counts of 1/10,000; prices count 1/1,000,000; quantities count 10^-30,
 * so that any whole number of bytes is an exact number of GiB. No float ever touches an amount: text in, BigInt
 * inside, text out.
 */

/** An amount of money in 1/10,000 point. */
export type Points = bigint & { readonly __unit?: "points/10000" };
/** A unit price in 1/1,000,000 point. */
export type Price = bigint & { readonly __unit?: "price/1000000" };
/** A quantity of something priced (cores, GiB, cards) in 10^-30. */
export type Quantity = bigint & { readonly __unit?: "quantity/10^30" };

export const POINTS_DECIMALS = 4;
export const PRICE_DECIMALS = 6;
export const QUANTITY_DECIMALS = 30;

/** numeric(20,4) holds 16 digits before the point. */
export const MAX_POINTS: Points = 10n ** 20n - 1n;

const DECIMAL = /^(-)?(\d{1,30})(?:\.(\d{1,30}))?$/;

/**
 * Parses a plain decimal ("12", "-0.5", "3.1000") into a count of 10^-decimals.
 * Exponents, signs other than a leading minus, blanks and more significant decimals than fit are refused.
 * @throws RangeError naming the text
 */
export function parseDecimal(text: string, decimals: number): bigint {
  const match = DECIMAL.exec(text);
  if (match === null) throw new RangeError(`not a plain decimal: ${JSON.stringify(text.slice(0, 64))}`);
  const [, minus, whole = "0", fraction = ""] = match;
  const stored = fraction.slice(0, decimals).padEnd(decimals, "0");
  if (/[1-9]/.test(fraction.slice(decimals)))
    throw new RangeError(`more than ${decimals} decimals: ${JSON.stringify(text)}`);
  const count = BigInt(whole + stored);
  return minus === undefined ? count : -count;
}

/** Formats a count of 10^-decimals with exactly that many decimals: 5417n, 4 → "0.5417". */
export function formatDecimal(count: bigint, decimals: number): string {
  const minus = count < 0n ? "-" : "";
  const digits = (count < 0n ? -count : count).toString().padStart(decimals + 1, "0");
  return decimals === 0 ? minus + digits : `${minus}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

export function parsePoints(text: string): Points {
  return parseDecimal(text, POINTS_DECIMALS);
}

export function formatPoints(points: Points): string {
  return formatDecimal(points, POINTS_DECIMALS);
}

export function parsePrice(text: string): Price {
  return parseDecimal(text, PRICE_DECIMALS);
}

export function formatPrice(price: Price): string {
  return formatDecimal(price, PRICE_DECIMALS);
}

export function parseQuantity(text: string): Quantity {
  return parseDecimal(text, QUANTITY_DECIMALS);
}

/** Shortest exact form: "1.5", "2", "0.0009765625" (one MiB in GiB). */
export function formatQuantity(quantity: Quantity): string {
  const text = formatDecimal(quantity, QUANTITY_DECIMALS);
  return text.replace(/\.?0+$/, "");
}

/** Division rounded half away from zero ("half up" for the amounts of a bill, which are not negative). */
export function divideHalfUp(numerator: bigint, denominator: bigint): bigint {
  if (denominator <= 0n) throw new RangeError(`denominator ${denominator} is not positive`);
  const magnitude = numerator < 0n ? -numerator : numerator;
  const rounded = (2n * magnitude + denominator) / (2n * denominator);
  return numerator < 0n ? -rounded : rounded;
}
