# SPDX-License-Identifier: Apache-2.0
# fish completion for lifecyclectl(1), which says itself what may come next

function __lifecyclectl_words
	set -l typed (commandline -opc)
	set -l word (commandline -ct)
	for line in ($typed[1] __complete $typed[2..-1] "$word" 2>/dev/null)
		switch $line
			case :files
				__fish_complete_path "$word"
			case :commands
				complete -C "$word"
			case '*'
				printf '%s\n' $line
		end
	end
end

complete -c lifecyclectl -f -a '(__lifecyclectl_words)'
