/** How to wait for something that happens at once on an idle machine, and some time on a busy one: vi.waitFor's options. */
export const PATIENT = { timeout: 240_000, interval: 20 }
