/** Milliseconds of a day: in UTC all are equally long. */
export const DAY = 86_400_000
