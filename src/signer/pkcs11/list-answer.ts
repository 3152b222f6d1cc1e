/** Where list-module.ts writes its answer: modules may print to stdout as well as to stderr. */
export const ANSWER_FD = 3
