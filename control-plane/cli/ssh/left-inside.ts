/** What is said to whoever takes a way in from somebody, a key or a role. */
export const LEFT_INSIDE =
  "What was left inside as root is not undone: restart environments that nobody should come back to by it (remotegpu env restart).";
