/** Where people read: the pages, and the API operation by operation. */
export const DOCS_PATH = "/docs";
export const REFERENCE_PATH = "/docs/reference";
export const PICTURES_PATH = "/docs/pictures/";
