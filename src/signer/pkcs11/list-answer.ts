/** The file descriptor of list-module.ts's answer: modules may print to stdout and stderr. */
export const ANSWER_FD = 3
