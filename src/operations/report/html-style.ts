import { DARK, LIGHT, type Palette, pictureStyle } from '../show/palette.js'

/** The style of a page: on screens from a phone's up, light or dark, and on A4. */
export function pageStyle(): string {
  return [
    ':root{color-scheme:light dark}',
    '*{box-sizing:border-box}',
    'body{font:1rem/1.5 "DejaVu Sans","Liberation Sans",Arial,sans-serif;margin:0 auto;max-width:64rem;padding:1rem}h1,h2,h3,p,dd,.long{overflow-wrap:anywhere}',
    'h1{font-size:1.6rem;line-height:1.25}h2{font-size:1.25rem;margin:2.2rem 0 .6rem;border-bottom:1px solid;padding-bottom:.2rem}',
    'h3{font-size:1rem;margin:0 0 .4rem}p{margin:.5rem 0}',
    'nav ul{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;margin:.5rem 0}',
    'dl{display:grid;grid-template-columns:12rem minmax(0,1fr);gap:.15rem 1rem;margin:.5rem 0}dd{margin:0}',
    'table{border-collapse:collapse;width:100%;margin:.6rem 0;font-size:.9rem}',
    'th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid}',
    'code{font:.85em/1.5 "DejaVu Sans Mono","Liberation Mono",monospace}',
    // Further lines begin beside the mark.
    '[class^=s-]{font-weight:bold;display:inline-block;padding-left:1.3em;text-indent:-1.3em}',
    '.record{border:1px solid;border-radius:6px;padding:.6rem .8rem;margin:.6rem 0}',
    '.mark{width:.9em;height:.9em;vertical-align:-.1em;margin-right:.4em}',
    '.picture svg{display:block;max-width:100%;height:auto;margin:.5rem 0}.narrow{display:none}',
    '.timeline{list-style:none;padding:0}.timeline li{margin:.5rem 0}.timeline p{margin:0;display:flex;flex-wrap:wrap;gap:0 1rem}',
    '.timeline .bar{display:block;width:100%;height:10px}.scale{display:flex;justify-content:space-between;margin:0}',
    colours(LIGHT),
    `@media screen and (prefers-color-scheme:dark){${colours(DARK)}}`,
    // A wide table becomes a list: each cell with the name of its column.
    '@media screen and (max-width:42rem){.wide{display:none}.narrow{display:block}dl{grid-template-columns:minmax(0,1fr)}dt{margin-top:.3rem}',
    'table,tbody,tr,td{display:block}thead{display:none}tr{padding:.4rem 0;border-bottom:1px solid}td{border:0;padding:.1rem 0}',
    'td:not(:empty)::before{content:attr(data-label) ": ";font-weight:bold}}',
    '@page{size:A4;margin:14mm}',
    '@media print{html{font-size:9pt}body{max-width:none;padding:0}nav{display:none}h2,h3,.muted{break-after:avoid}thead{display:table-header-group}',
    'tr,li,.record,.picture svg,dl{break-inside:avoid}}',
    pictureStyle(),
  ].join('\n')
}

function colours({ paper, box, text, muted, line, states }: Palette): string {
  const ofState = Object.entries(states).map(([state, colour]) => `.s-${state}{color:${colour}}`)
  return [
    `body{background:${paper};color:${text}}a{color:${text}}dt,.muted{color:${muted}}`,
    `h2,th,td,tr,.record{border-color:${line}}.record{background:${box}}`,
    ...ofState,
  ].join('')
}
