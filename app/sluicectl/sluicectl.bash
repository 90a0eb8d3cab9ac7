# SPDX-License-Identifier: BSD-3-Clause

# Completion of sluicectl: verbs and options from its own help, names from the daemon. bash sources it; zsh and
# fish, which have it by their own few lines, run it with the words of a command line, the last one being completed.

_sluicectl_verbs() # PROGRAM
{
	"$1" --help 2>/dev/null | awk '/^verbs:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }'
}

_sluicectl_names() # VERB...; what stands first in the lines of its table
{
	"$ctl" "${socket[@]}" "$@" 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_sluicectl_keys() # POOL; what the daemon says when a node is to have a key that there is not
{
	"$ctl" "${socket[@]}" add-node "$1" '?' '?=' --dry-run 2>&1 |
		sed -n 's/.*a node has the keys name, \([a-z0-9_, ]*\).*/\1/p' | sed 's/, /= /g; s/$/=/'
}

_sluicectl_service_keys() # what the daemon says when a service is to have a key that there is not
{
	"$ctl" "${socket[@]}" add-service '?' '?=' --dry-run 2>&1 |
		sed -n 's/.*a service has the keys name, \([a-z0-9_, ]*\).*/\1/p' | sed 's/, /= /g; s/$/=/'
}

_sluicectl()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local ctl=${COMP_WORDS[0]} verb='' socket=() words='' pool='' place=0 i

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-s | --socket | -i | --instance)
			socket=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}")
			((i++))
			;;
		--timeout | --pool | --node | --service | --sample | --write | --sort | --state | --since | --deadline | --if-generation | --limit | --interval | --count | --save | --export | --import | \
			--src | --sport | --dst | --dport | --proto | --flags | --pcap | --frame)
			((++i))
			;;
		-*) ;;
		*)
			[ "$place" != 0 ] || pool=${COMP_WORDS[i]}
			[ -z "$verb" ] || ((++place))
			[ "$verb" ] || verb=${COMP_WORDS[i]}
			;;
		esac
	done
	case $before in
	-s | --socket | --write | --save | --export | --import | --pcap)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	--pool)
		words=$(_sluicectl_names pools)
		;;
	--service)
		words=$(_sluicectl_names services)
		;;
	-i | --instance | --timeout | --node | --sample | --since | --deadline | --if-generation | --limit | --interval | --count | \
		--src | --sport | --dst | --dport | --frame)
		COMPREPLY=()
		return
		;;
	--sort)
		words='name weight state since slots flows packets share'
		;;
	--state)
		words='up down draining drained disabled leaving'
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
		words="$(_sluicectl_verbs "$ctl") --json --socket --instance --timeout --help --version"
	elif [[ $word == -* ]]; then
		words=$("$ctl" "$verb" --help | awk '/^  --/ { print $1 }')
	else
		case $verb:$place in
		set-weight:0 | remove-node:0 | drain:0 | enable:0 | disable:0)
			words=$(_sluicectl_names nodes --all)
			;;
		flows:0)
			words="$(_sluicectl_names pools) $(_sluicectl_names nodes --all)"
			;;
		remove-service:0 | set-service:0)
			words=$(_sluicectl_names services)
			;;
		add-service:* | set-service:*)
			((place < 1)) || words=$(_sluicectl_service_keys)
			;;
		nodes:0 | table:0 | top:0 | results:0 | add-node:0)
			words=$(_sluicectl_names pools)
			;;
		add-node:*)
			((place < 2)) || words=$(_sluicectl_keys "$pool")
			;;
		rollback:0)
			words=$(_sluicectl_names history)
			;;
		log-level:0)
			words='error warning notice info debug'
			;;
		apply:0 | check:0 | diff:0)
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
			return
			;;
		help:0)
			words=$(_sluicectl_verbs "$ctl")
			;;
		esac
	fi
	[[ $words != *= ]] || compopt -o nospace 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	_sluicectl
	[ ${#COMPREPLY[@]} = 0 ] || printf '%s\n' "${COMPREPLY[@]}"
else
	complete -F _sluicectl sluicectl
fi
