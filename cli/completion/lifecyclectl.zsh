#compdef lifecyclectl
# SPDX-License-Identifier: Apache-2.0
# zsh completion for lifecyclectl(1), which says itself what may come next

_lifecyclectl() {
	local -a typed found
	local line want_files= want_commands= tab=$'\t'

	typed=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
	for line in "${(@f)$(_call_program words ${(q)words[1]} __complete ${(q)typed[@]} 2>/dev/null)}"; do
		case $line in
		('') ;;
		(:files) want_files=1 ;;
		(:commands) want_commands=1 ;;
		(*) found+=("${${line%%$tab*}//:/\\:}:${line#*$tab}") ;;
		esac
	done
	[[ -n $found ]] && _describe -t words lifecyclectl found
	[[ -n $want_files ]] && _files
	[[ -n $want_commands ]] && _command_names -e
	return 0
}

_lifecyclectl "$@"
