# SPDX-License-Identifier: BSD-3-Clause
# Completion of sluice-node for bash.

_sluice_node() {
	local word=${COMP_WORDS[COMP_CWORD]} words
	COMPREPLY=()
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	attach | detach) words=$(ls /sys/class/net) ;;
	--decap) words="ipip gre gue vxlan" ;;
	--mode) words="auto native generic" ;;
	--from | --address | --gue-port) return ;;
	*)
		case ${COMP_WORDS[1]} in
		attach) words="--decap --second-chance --from --address --gue-port --mode" ;;
		status) words="--json" ;;
		*) words="attach detach status --version --help" ;;
		esac
		[ "$COMP_CWORD" -eq 1 ] && words="attach detach status --version --help"
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _sluice_node sluice-node
