# SPDX-License-Identifier: Apache-2.0
# bash completion for lifecyclectl(1), which says itself what may come next

_lifecyclectl()
{
	local -a words=()
	local i word line skip=0

	# bash takes a word apart at '=' and ':'; it replaces the last piece only
	for ((i = 1; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if ((i > 1)) && [[ $word == [=:]* || ${COMP_WORDS[i - 1]} == [=:] ]]; then
			words[-1]+=$word
		else
			words+=("$word")
		fi
	done
	word=${words[-1]}
	[[ $word != "${COMP_WORDS[COMP_CWORD]}" ]] && skip=$((${#word} - ${#COMP_WORDS[COMP_CWORD]}))
	[[ ${COMP_WORDS[COMP_CWORD]} == [=:] ]] && skip=${#word}
	COMPREPLY=()
	while IFS=$'\t' read -r line _; do
		case $line in
		:files)
			compopt -o filenames
			mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$word")
			;;
		:commands)
			mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -c -- "$word")
			;;
		*)
			COMPREPLY+=("${line:skip}")
			;;
		esac
	done < <("${COMP_WORDS[0]}" __complete "${words[@]}" 2>/dev/null)
}

complete -F _lifecyclectl lifecyclectl
