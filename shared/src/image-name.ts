/**
 * How an image is named: by a reference or by its id. Orders name one, and hosts tell by such names what they have; the
 * two are compared as they stand, letter by letter.
 */

/** A reference or an image id; a shell's or a URL's special characters have no place in either. */
export const IMAGE_NAME = /^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,255}$/;

/** Of one host, names and ids together: what a report can carry beside all else. */
export const MAX_HOST_IMAGES = 200;
