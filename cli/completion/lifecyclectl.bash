# SPDX-License-Identifier: Apache-2.0
# bash completion for lifecyclectl(1)

# The names of a daemon on another bus come with $LIFECYCLED_BUS.
_lifecyclectl_names()
{
	lifecyclectl --quiet list 2>/dev/null
}

_lifecyclectl_sps()
{
	lifecyclectl --quiet partitions 2>/dev/null
}

_lifecyclectl()
{
	local verbs='list status why peers leases lease trace partitions define undefine validate reload cat edit start stop pause resume abort restart destroy shutdown forget monitor console help'
	local common='--output --quiet --no-legend --no-ask-password --bus --help --version'
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb='' i

	for ((i = 1; i < COMP_CWORD; i++)); do
		if [[ " $verbs " == *" ${COMP_WORDS[i]} "* ]]; then
			verb=${COMP_WORDS[i]}
			break
		fi
	done
	case $before in
	-o | --output)
		mapfile -t COMPREPLY < <(compgen -W 'table json json-pretty' -- "$word")
		return
		;;
	--bus | --timeout | --if-life | --since | --tail | --why)
		return
		;;
	esac
	if [[ $word == -* ]]; then
		case $verb in
		shutdown) common+=' --no-block --timeout --host' ;;
		abort) common+=' --no-block --timeout --if-life --preserve' ;;
		start) common+=' --no-block --timeout --if-life --bound' ;;
		stop | pause | resume | restart | destroy) common+=' --no-block --timeout --if-life' ;;
		lease) common+=' --timeout --if-life --why' ;;
		trace) common+=' --follow --raw' ;;
		partitions) common+=' --secure-view' ;;
		undefine) common+=' --pending --if-life' ;;
		cat) common+=' --pending' ;;
		reload) common+=' --dry-run' ;;
		forget) common+=' --force --if-life' ;;
		monitor) common+=' --since --no-follow' ;;
		console) common+=' --follow --tail --raw' ;;
		esac
		mapfile -t COMPREPLY < <(compgen -W "$common" -- "$word")
		return
	fi
	case $verb in
	'' | help) mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$word") ;;
	reload | shutdown) ;;
	validate) mapfile -t COMPREPLY < <(compgen -W "$(_lifecyclectl_names)" -- "$word"; compgen -f -- "$word") ;;
	lease) # the VM, then a command
		if ((COMP_CWORD == i + 1)); then
			mapfile -t COMPREPLY < <(compgen -W "$(_lifecyclectl_names)" -- "$word")
		else
			mapfile -t COMPREPLY < <(compgen -c -- "$word")
		fi
		;;
	define) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	trace | partitions) mapfile -t COMPREPLY < <(compgen -W "$(_lifecyclectl_sps)" -- "$word") ;;
	*) mapfile -t COMPREPLY < <(compgen -W "$(_lifecyclectl_names)" -- "$word") ;;
	esac
}

complete -F _lifecyclectl lifecyclectl
