/** Offsets of relayed frames: ids of a Redis stream, milliseconds and a count. */

/** Before everything: whoever asks from here gets all there is. */
export const BEGINNING = "0-0";

/**
 * @param {string} offset
 * @param {string} other
 * @returns {boolean} whether `offset` comes after `other`
 */
export function after(offset, other) {
  const [ms, count] = parts(offset);
  const [otherMs, otherCount] = parts(other);
  return ms > otherMs || (ms === otherMs && count > otherCount);
}

function parts(/** @type {string} */ offset) {
  const [ms, count = "0"] = offset.split("-");
  return [BigInt(ms || 0), BigInt(count)];
}
