# SPDX-License-Identifier: BSD-3-Clause

# fish completion of sluicectl: what bash's would offer.

function __sluicectl_words
	bash @completions@/sluicectl (commandline -opc) (commandline -ct) 2>/dev/null
end

complete -c sluicectl -f -a '(__sluicectl_words)'
