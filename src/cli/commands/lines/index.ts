/** The commands for lines. One chunk of the bundle. */
export { changeLine, createLine, setState } from './change.js'
export { listLines, showLine } from './show.js'
export { createStation, listStations, revokeStation } from './station.js'
export { createToken, listTokens, revokeToken } from './token.js'
