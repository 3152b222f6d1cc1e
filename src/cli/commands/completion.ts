import type { CommonFlags } from '../options.js'
import { type Io, printJson } from '../output.js'

/** The supported shells. */
export type Shell = 'bash' | 'zsh' | 'fish'

/** `fpki completion <shell>` */
export async function completion(shell: Shell, flags: CommonFlags, io: Io): Promise<void> {
  const script = SCRIPTS[shell]
  if (flags.json) printJson(io, { shell, script })
  else io.stdout(script)
}

/**
 * Each script calls `fpki __complete` (cli/complete.ts) with the words up to the cursor. The first line of the reply says
 * whether to complete paths, which the shell does itself, or values. Each further line is a value, a tab and its
 * description. No part of the reply is evaluated by the shell.
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
    set -l candidates $lines[2..]
    switch "$lines[1]"
        case files
            set candidates (complete -C "'' $path")
        case directories
            set candidates (complete -C "'' $path" | string match '*/')
    end
    for candidate in $candidates
        printf '%s\\n' "$flag$candidate"
    end
end
complete -c fpki -f -a '(__fpki_complete)'
`,
}
