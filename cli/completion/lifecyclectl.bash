# SPDX-License-Identifier: Apache-2.0
# bash completion for lifecyclectl(1): verbs, options and their words are those that it tells itself (help --quiet)

# The names of a daemon on another bus come with $LIFECYCLED_BUS.
_lifecyclectl_names()
{
	lifecyclectl --quiet list 2>/dev/null
}

_lifecyclectl_sps()
{
	lifecyclectl --quiet partitions 2>/dev/null
}

# What may stand for the argument of the option $1 of the verb $2, if that is one of some words.
_lifecyclectl_option_words()
{
	local option letter words help

	while IFS=$'\t' read -r option letter words help; do
		if [[ $1 == "${option%=}" || $1 == "$letter" ]]; then
			[[ $words == *'|'* ]] && echo "${words//|/ }"
			[[ $option == *= ]]
			return
		fi
	done < <(lifecyclectl --quiet help "$2" 2>/dev/null)
	return 1
}

_lifecyclectl()
{
	local verbs words
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb='' i

	verbs=$(lifecyclectl --quiet help 2>/dev/null | cut -f 1 | tr '\n' ' ')
	for ((i = 1; i < COMP_CWORD; i++)); do
		if [[ " $verbs" == *" ${COMP_WORDS[i]} "* ]]; then
			verb=${COMP_WORDS[i]}
			break
		fi
	done
	if [[ $before == '=' ]]; then
		before=${COMP_WORDS[COMP_CWORD - 2]}
	elif [[ $word == '=' ]]; then
		word=''
	fi
	if [[ $before == -* ]] && words=$(_lifecyclectl_option_words "$before" "${verb:-list}"); then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
		return
	fi
	if [[ $word == -* ]]; then
		words=$(lifecyclectl --quiet help "${verb:-list}" 2>/dev/null | cut -f 1)
		mapfile -t COMPREPLY < <(compgen -W "${words//=/}" -- "$word")
		return
	fi
	case $verb in
	'' | help) mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$word") ;;
	validate) mapfile -t COMPREPLY < <(compgen -W "$(_lifecyclectl_names)" -- "$word"; compgen -f -- "$word") ;;
	lease) # the VM, then a command
		if ((COMP_CWORD == i + 1)); then
			mapfile -t COMPREPLY < <(compgen -W "$(_lifecyclectl_names)" -- "$word")
		else
			mapfile -t COMPREPLY < <(compgen -c -- "$word")
		fi
		;;
	define) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	*)
		words=$(lifecyclectl --quiet help 2>/dev/null | grep "^$verb"$'\t' | cut -f 2)
		case $words in
		*NAME*) mapfile -t COMPREPLY < <(compgen -W "$(_lifecyclectl_names)" -- "$word") ;;
		*SP*) mapfile -t COMPREPLY < <(compgen -W "$(_lifecyclectl_sps)" -- "$word") ;;
		esac
		;;
	esac
}

complete -F _lifecyclectl lifecyclectl
