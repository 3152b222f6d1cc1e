import type { CommonFlags } from '../options.js'
import { type Io, printJson } from '../output.js'

/** The shells that can complete fpki's words. */
export type Shell = 'bash' | 'zsh' | 'fish'

/** `fpki completion <shell>` */
export async function completion(shell: Shell, flags: CommonFlags, io: Io): Promise<void> {
  const script = SCRIPTS[shell]
  if (flags.json) printJson(io, { shell, script })
  else io.stdout(script)
}

/**
 * Each asks `fpki __complete` (cli/complete.ts) with the words up to the cursor. The first line of the answer says what
 * is wanted: paths, which the shell knows best, or what the further lines hold, each a value, a tab and what it means.
 * Nothing of either goes through the shell's evaluation again.
 */
const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# fpki in bash
_fpki() {
  local kind='' line
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ -z $kind ]]; then kind=$line; else COMPREPLY+=("\${line%%$'\\t'*}"); fi
  done < <(command fpki __complete bash "\${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
  case $kind in
    files) compopt -o default ;;
    directories) compopt -o dirnames ;;
  esac
}
complete -F _fpki fpki
`,
  zsh: `#compdef fpki
_fpki() {
  local line
  local -a lines values shown
  lines=("\${(@f)$(command fpki __complete words "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}")
  [[ $PREFIX == --*=* ]] && compset -P 1 '*='
  case $lines[1] in
    files) _files ;;
    directories) _files -/ ;;
    *)
      for line in "\${(@)lines[2,-1]}"; do
        values+=("\${line%%$'\\t'*}")
        shown+=("\${line/$'\\t'/  -- }")
      done
      (( $#values )) && compadd -l -d shown -a values
      ;;
  esac
}
if [[ $funcstack[1] == _fpki ]]; then _fpki "$@"; else compdef _fpki fpki; fi
`,
  fish: `# fpki in fish
function __fpki_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines (command fpki __complete words $words[2..] "$current" 2>/dev/null)
    set -l flag (string match -r -- '^--[^=]+=' "$current")
    set -l path (string replace -- "$flag" '' "$current")
    set -l found $lines[2..]
    switch "$lines[1]"
        case files
            set found (complete -C "'' $path")
        case directories
            set found (complete -C "'' $path" | string match '*/')
    end
    for one in $found
        printf '%s\\n' "$flag$one"
    end
end
complete -c fpki -f -a '(__fpki_complete)'
`,
}
