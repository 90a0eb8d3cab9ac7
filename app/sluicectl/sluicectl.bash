# SPDX-License-Identifier: BSD-3-Clause

# bash completion of sluicectl: verbs and options from its own help, names from the daemon.

_sluicectl_verbs()
{
	sluicectl --help | awk '/^verbs:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }'
}

_sluicectl()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local verb='' socket=() words='' i

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-s | --socket)
			socket=(-s "${COMP_WORDS[i + 1]}")
			((i++))
			;;
		-*) ;;
		*) [ "$verb" ] || verb=${COMP_WORDS[i]} ;;
		esac
	done
	case $before in
	-s | --socket | --save | --export | --import | --pcap)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	--proto)
		words='tcp udp'
		;;
	--flags)
		words='syn ack fin rst'
		;;
	esac
	if [ "$words" ]; then
		:
	elif [ -z "$verb" ]; then
		words="$(_sluicectl_verbs) --json --socket --help --version"
	elif [[ $word == -* ]]; then
		words=$(sluicectl "$verb" --help | awk '/^  --/ { print $1 }')
	else
		case $verb in
		set-weight | remove-node | drain | enable | disable | flows)
			words=$(sluicectl "${socket[@]}" nodes 2>/dev/null | awk 'NR > 1 { print $1 }')
			;;
		nodes | table | add-node)
			words=$(sluicectl "${socket[@]}" pools 2>/dev/null | awk 'NR > 1 { print $1 }')
			;;
		rollback)
			words=$(sluicectl "${socket[@]}" history 2>/dev/null | awk 'NR > 1 { print $1 }')
			;;
		log-level)
			words='error warning notice info debug'
			;;
		apply | check | diff)
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
			return
			;;
		help)
			words=$(_sluicectl_verbs)
			;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _sluicectl sluicectl
