/* SPDX-License-Identifier: BSD-3-Clause */

/* The status page: asks the daemon for its figures, shows them, and never changes anything.
 *
 * Shape: one round of questions every two seconds, at once after an event, none while the page is hidden
 *        or paused; who answers slowly is asked less often. Rows are kept by name and only what differs
 *        is written, so that focus and scrolling stay. Texts become text nodes, never markup. */

"use strict";

const EVERY_MS = 2000, ROWS_MAX = 100, EVENTS_MAX = 60, MINUTES = 10;
const $ = (id) => document.getElementById(id);
const state = { paused: false, sort: "", filter: "", all: {}, before: null, now: null, rings: {}, rates: null, busy: false, timer: 0, source: null };

/* ---- numbers and words ------------------------------------------------------------------------*/

function whole(number) {
	return Math.round(number).toLocaleString("en").replace(/,/g, "\u202f");
}

function brief(number) {
	const units = ["", "k", "M", "G", "T"];
	let unit = 0;

	while (Math.abs(number) >= 1000 && unit < units.length - 1) {
		number /= 1000;
		unit++;
	}
	return (unit === 0 && (number >= 100 || Number.isInteger(number)) ? Math.round(number).toString()
		: number.toFixed(number >= 100 ? 0 : number >= 10 ? 1 : 2)) + (units[unit] ? "\u202f" + units[unit] : "");
}

function percent(share) {
	return (100 * share).toFixed(2) + "\u202f%";
}

function span(seconds) {
	const s = Math.max(0, Math.floor(seconds));

	if (s < 60)
		return `${s} s`;
	if (s < 3600)
		return `${Math.floor(s / 60)} min ${s % 60} s`;
	if (s < 86400)
		return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
	return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
}

function clock(ms) {
	return new Date(ms).toLocaleTimeString("en-GB");
}

/* A counter's rate a second between the last two rounds; null: not known yet. */
function rate(path) {
	const dig = (object) => path.reduce((at, key) => (at === undefined || at === null ? undefined : at[key]), object);
	const now = dig(state.now), before = state.before ? dig(state.before) : undefined;

	if (typeof now !== "number" || typeof before !== "number" || now < before)
		return null;
	return (now - before) / Math.max(0.001, state.now.stats.uptime_seconds - state.before.stats.uptime_seconds);
}

function shown(value) {
	return value === null ? "–" : brief(value);
}

/* ---- building ---------------------------------------------------------------------------------*/

function make(tag, attributes, ...children) {
	const element = document.createElement(tag);

	for (const [name, value] of Object.entries(attributes || {}))
		element.setAttribute(name, value);
	element.append(...children);
	return element;
}

function put(element, text) {
	if (element.textContent !== text)
		element.textContent = text;
}

function mark(element, name, value) {
	if (element.getAttribute(name) !== String(value))
		element.setAttribute(name, value);
}

/* Makes parent's children those of the list, in its order: create(item) once a key, then update(element, item). */
function rows(parent, list, key, create, update, nothing) {
	const there = new Map();

	for (const child of [...parent.children])
		if (child.dataset.key === undefined)
			child.remove();
		else
			there.set(child.dataset.key, child);
	list.forEach((item, place) => {
		const name = String(key(item));
		let element = there.get(name);

		there.delete(name);
		if (!element) {
			element = create(item);
			element.dataset.key = name;
		}
		update(element, item);
		if (parent.children[place] !== element)
			parent.insertBefore(element, parent.children[place] || null);
	});
	for (const gone of there.values())
		gone.remove();
	if (list.length === 0 && nothing)
		parent.append(parent.tagName === "TBODY" ? make("tr", {}, make("td", { colspan: 9, class: "empty" }, nothing))
			: make("li", { class: "empty" }, nothing));
}

/* A row of cells; columns: [text of an item, class]. */
function plain(parent, list, key, columns, nothing) {
	rows(parent, list, key, () => make("tr", {}, ...columns.map(([, kind]) => make("td", kind ? { class: kind } : {}))),
		(row, item) => columns.forEach(([text], i) => {
			const value = text(item);

			if (value instanceof Node)
				row.cells[i].replaceChildren(value);
			else
				put(row.cells[i], String(value));
		}), nothing);
}

const KINDS = { up: "is-good", member: "is-good", joining: "is-warn", no_quorum: "is-bad", resolved: "is-good", static: "is-good", down: "is-bad", gone: "is-bad", failed: "is-bad", disabled: "is-bad",
	draining: "is-warn", drained: "is-warn", leaving: "is-warn", resolving: "is-warn" };

function badge(word, title) {
	return make("span", { class: `state ${KINDS[word] || ""}`, ...(title ? { title } : {}) }, word);
}

/* Colours of a pool's nodes, far from each other and from that of open slots. */
function hue(place) {
	return (190 + place * 137.508) % 310 + (place * 137.508 % 310 + 190 > 310 ? 65 : 0);
}

function colour(place) {
	const tone = getComputedStyle(document.documentElement).getPropertyValue("--tone").trim();

	return `hsl(${hue(place).toFixed(1)} ${place % 2 ? 62 : 78}% ${tone})`;
}

/* ---- totals and rates -------------------------------------------------------------------------*/

function tiles() {
	const stats = state.now.stats, balance = stats.balance;
	const lost = rate(["stats", "balance", "dropped"]);
	const list = [
		["Received", rate(["stats", "balance", "received"]), `${whole(balance.received)} in all`, "received"],
		["To nodes", rate(["stats", "balance", "forwarded"]), `${whole(balance.forwarded)} in all`, "forwarded"],
		["To workers", rate(["stats", "balance", "delivered"]), `${whole(balance.delivered)} in all`, "delivered"],
		["Dropped", lost, `${whole(balance.dropped)} in all`, "dropped", lost > 0],
		["Punted", rate(["stats", "balance", "punted"]), `${whole(balance.punted)} in all`, "punted"],
	];

	rows($("tiles"), list, (item) => item[0], (item) => make("dl", { class: "tile" }, make("dt", {}, `${item[0]} / s`), make("dd"), make("dd")),
		(tile, item) => {
			tile.classList.toggle("is-alarm", Boolean(item[4]));
			put(tile.children[1], shown(item[1]));
			put(tile.children[2], item[2]);
			mark(tile.children[2], "data-value", balance[item[3]]);
			mark(tile, "data-total", item[3]);
		});
}

const LINES = [["received", "in", "received"], ["sent", "out", "to nodes and workers"], ["dropped", "lost", "dropped"]];

function nice(value) {
	const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));

	return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value) || 10;
}

function draw(svg, kind, attributes) {
	const shape = document.createElementNS("http://www.w3.org/2000/svg", kind);

	for (const [name, value] of Object.entries(attributes))
		shape.setAttribute(name, value);
	svg.append(shape);
	return shape;
}

function chart(cursor) {
	const box = $("chart"), rates = state.rates, span_s = MINUTES * 60;

	if (!rates)
		return;
	const count = rates.received.length, step = rates.step_seconds, end = count * step;
	const top = nice(Math.max(1, ...LINES.flatMap(([name]) => rates[name])));
	const x = (i) => (100 * (span_s - end + (i + 1) * step) / span_s).toFixed(2), y = (value) => (100 - 100 * value / top).toFixed(2);
	const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");

	svg.setAttribute("viewBox", "0 0 100 100");
	svg.setAttribute("preserveAspectRatio", "none");
	for (const part of [0, 50, 100])
		draw(svg, "line", { x1: 0, x2: 100, y1: part, y2: part });
	for (const [name, kind] of LINES) {
		const points = rates[name].map((value, i) => `${x(i)} ${y(value)}`);

		if (points.length > 1 && name !== "dropped")
			draw(svg, "path", { class: `area ${kind}`, d: `M${x(0)} 100L${points.join("L")}L100 100Z` });
		if (points.length > 1)
			draw(svg, "path", { class: kind, d: `M${points.join("L")}` });
	}
	if (cursor !== undefined && count > 0)
		draw(svg, "line", { class: "cursor", x1: x(cursor), x2: x(cursor), y1: 0, y2: 100 });
	const label = (kind, where, text) => {
		const element = make("span", { class: kind }, text);

		element.style[kind === "y" ? "top" : "left"] = `${where}%`;
		return element;
	};
	box.replaceChildren(svg, label("y", 0, brief(top)), label("y", 50, brief(top / 2)),
		...[0, 25, 50, 75].map((part) => label("x", Math.max(3, part), `−${MINUTES * (100 - part) / 100} min`)));
	const at = cursor === undefined ? count - 1 : cursor;
	put($("rates-text"), count === 0 ? "The first seconds are being counted." : (cursor === undefined ? "Now: " : `${span((count - 1 - at) * step)} ago: `) +
		LINES.map(([name, , words]) => `${brief(rates[name][at])}/s ${words}`).join(", "));
}

function chart_keys() {
	const box = $("chart");
	let at;

	const move = (to) => {
		const count = state.rates ? state.rates.received.length : 0;

		at = to === undefined || count === 0 ? undefined : Math.min(count - 1, Math.max(0, to));
		chart(at);
	};
	box.addEventListener("keydown", (event) => {
		const count = state.rates ? state.rates.received.length : 0, from = at === undefined ? count : at;

		if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
			event.preventDefault();
			move(from + (event.key === "ArrowLeft" ? -1 : 1) * (event.shiftKey ? 15 : 1));
		} else if (event.key === "Escape") {
			move(undefined);
		}
	});
	box.addEventListener("pointermove", (event) => {
		const rates = state.rates, where = box.getBoundingClientRect();

		if (rates)
			move(Math.round(rates.received.length - 1 - (1 - (event.clientX - where.left) / where.width) * MINUTES * 60 / rates.step_seconds));
	});
	box.addEventListener("pointerleave", () => move(undefined));
	box.addEventListener("blur", () => move(undefined));
	$("rates-legend").replaceChildren(...LINES.map(([, kind, words]) => make("span", { class: kind }, words)));
}

/* ---- the ring ---------------------------------------------------------------------------------*/

/* Slot 0 is at the top; slots go clockwise, those of one angle from the inside out. */
function ring(canvas, picture, places, light) {
	const size = Math.max(120, canvas.clientWidth), scale = window.devicePixelRatio || 1, context = canvas.getContext("2d");
	const cells = picture.owner.length, open = new Set(picture.open);
	const tracks = Math.max(1, 2 ** Math.floor(Math.log2(Math.sqrt(cells) / 2.8))), sectors = Math.ceil(cells / tracks);
	const outer = size / 2 - 2, inner = outer * 0.5, depth = (outer - inner) / tracks, turn = 2 * Math.PI / sectors;
	const paint = getComputedStyle(document.documentElement);
	const nobody = paint.getPropertyValue("--idle-soft").trim(), marked = paint.getPropertyValue("--open").trim();

	canvas.width = canvas.height = Math.round(size * scale);
	context.setTransform(scale, 0, 0, scale, 0, 0);
	context.clearRect(0, 0, size, size);
	for (let cell = 0; cell < cells; cell++) {
		const owner = picture.owner[cell], name = owner < 0 ? "" : picture.nodes[owner];
		const from = -Math.PI / 2 + Math.floor(cell / tracks) * turn, near = inner + (cell % tracks) * depth;

		context.globalAlpha = light && name !== light ? 0.13 : 1;
		context.fillStyle = open.has(cell) ? marked : owner < 0 ? nobody : colour(places.get(name) || 0);
		context.beginPath();
		context.arc(size / 2, size / 2, near + depth + 0.2, from, from + turn + 0.004);
		context.arc(size / 2, size / 2, near, from + turn + 0.004, from, true);
		context.fill();
	}
	context.globalAlpha = 1;
}

/* ---- pools ------------------------------------------------------------------------------------*/

const COLUMNS = [["Node", "name"], ["State", "state"], ["Share, expected and measured", "share"], ["Weight", "weight"], ["Packets/s", "rate"],
	["Flows", "flows"], ["Slots", "slots"], ["Health", ""]];

function pool_create(item) {
	const heads = COLUMNS.map(([text, key]) => make("th", { scope: "col", class: ["weight", "rate", "flows", "slots"].includes(key) ? "num" : "" },
		key ? make("button", { type: "button", "data-sort": key, title: "Sort" }, text) : text));
	const card = make("article", { class: "pool", "aria-label": `Pool ${item.name}` },
		make("div", { class: "head" }, make("h3", {}, item.name), make("p", { class: "facts" })),
		make("div", { class: "pool-body" },
			make("div", {}, make("div", { class: "ring" }, make("canvas", { role: "img" }), make("p")), make("p", { class: "ring-note" })),
			make("div", { class: "scroll nodes", tabindex: 0, role: "group", "aria-label": `Nodes of pool ${item.name}` },
				make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody")), make("button", { type: "button", class: "more", hidden: "" }))));

	card.querySelector("thead").addEventListener("click", (event) => {
		const key = event.target.dataset.sort;

		if (key) {
			state.sort = state.sort === key ? "" : key;
			show();
		}
	});
	card.querySelector(".more").addEventListener("click", () => {
		state.all[item.name] = !state.all[item.name];
		show();
	});
	const light = (event) => {
		const row = event.target.closest && event.target.closest("tbody tr");

		card.dataset.light = row && event.type !== "pointerleave" && event.type !== "focusout" ? row.dataset.key : "";
		paint(card);
	};
	for (const kind of ["pointerover", "pointerleave", "focusin", "focusout"])
		card.querySelector("table").addEventListener(kind, light);
	return card;
}

function paint(card) {
	const picture = state.rings[card.dataset.key];
	const text = picture ? `${picture.stamp} ${card.dataset.light || ""} ${document.documentElement.dataset.theme} ${card.querySelector("canvas").clientWidth}` : "";

	if (!picture || card.dataset.painted === text)
		return;
	card.dataset.painted = text;
	ring(card.querySelector("canvas"), picture, card.places, card.dataset.light);
}

function node_create() {
	const row = make("tr", { tabindex: 0 }, make("td", { class: "name" }), make("td"), make("td", { class: "share wide" }), make("td", { class: "num", "data-label": "weight" }),
		make("td", { class: "num", "data-label": "packets/s" }), make("td", { class: "num", "data-label": "flows" }), make("td", { class: "num", "data-label": "slots" }), make("td", { class: "wide" }));

	row.cells[0].append(make("i"), make("span"), make("span", { class: "why" }));
	row.cells[2].append(make("div", { class: "bar" }, make("b"), make("i")), make("span"));
	return row;
}

function since(node) {
	return node.since_ms ? span((Date.now() - node.since_ms) / 1000) : "";
}

function node_update(pool, row, node) {
	const scale = 1.04 * Math.max(0.0001, ...pool.list.map((one) => Math.max(one.expected_share, one.measured_share)));
	const bar = row.cells[2].firstChild, health = node.health || { state: "none" };
	const words = node.standby ? "stands by" : node.why, tint = colour(node.place);

	row.cells[0].firstChild.style.background = tint;
	put(row.cells[0].children[1], node.name);
	put(row.cells[0].children[2], node.address ? `${node.address}, ${node.encap}` : node.handler ? `worker ${node.worker}, ${node.handler}` : node.kind || "");
	if (row.dataset.state !== node.state + words) {
		row.dataset.state = node.state + words;
		row.cells[1].replaceChildren(badge(node.state), make("span", { class: "why" }));
	}
	put(row.cells[1].children[1], `${words}${words ? ", " : ""}for ${since(node)}`);
	bar.children[0].style.width = `${100 * node.measured_share / scale}%`;
	bar.children[0].style.background = tint;
	bar.children[1].style.left = `calc(${100 * node.expected_share / scale}% - 1px)`;
	put(row.cells[2].children[1], `${percent(node.expected_share)} expected, ${percent(node.measured_share)} measured`);
	put(row.cells[3], node.effective_weight !== undefined && node.effective_weight !== node.weight ? `${node.effective_weight} of ${node.weight}` : String(node.weight));
	put(row.cells[4], shown(node.rate));
	put(row.cells[5], whole(node.flows));
	put(row.cells[6], whole(node.slots));
	put(row.cells[7], health.state === "none" ? "" : `${health.state}: ${health.text || health.result}, ${health.ms.toFixed(1)} ms`);
	for (const key of ["expected_share", "measured_share", "packets", "slots", "weight", "state"])
		mark(row, `data-${key.replace("_", "-")}`, node[key]);
	mark(row, "data-node", node.name);
}

const ORDERS = {
	name: (a, b) => a.name.localeCompare(b.name), state: (a, b) => a.state.localeCompare(b.state), share: (a, b) => b.measured_share - a.measured_share,
	weight: (a, b) => b.weight - a.weight, rate: (a, b) => (b.rate || 0) - (a.rate || 0), flows: (a, b) => b.flows - a.flows, slots: (a, b) => b.slots - a.slots,
};

function pool_update(card, pool) {
	const facts = [["scheduler", pool.scheduler], ["slots", whole(pool.slots)], ["open", whole(pool.open_slots)], ["flows tracked", whole(pool.tracked_flows)],
		["load factor", pool.load.factor.toFixed(3)]];
	const listed = state.sort ? [...pool.list].sort(ORDERS[state.sort]) : pool.list, words = state.filter.toLowerCase();
	const wanted = listed.filter((node) => !words || `${node.name} ${node.state} ${node.address || ""} ${node.why}`.toLowerCase().includes(words));
	const some = state.all[pool.name] ? wanted : wanted.slice(0, ROWS_MAX), more = card.querySelector(".more");

	card.places = pool.places;
	card.querySelector(".facts").replaceChildren(...facts.map(([key, value]) => make("span", {}, make("b", {}, value), ` ${key}`)));
	for (const button of card.querySelectorAll("[data-sort]"))
		mark(button, "aria-pressed", state.sort === button.dataset.sort);
	rows(card.querySelector("tbody"), some, (node) => node.name, node_create, (row, node) => node_update(pool, row, node), words ? "No node is like that." : "The pool has no nodes.");
	more.hidden = wanted.length <= ROWS_MAX;
	put(more, state.all[pool.name] ? `Show ${ROWS_MAX}` : `Show all ${wanted.length} nodes`);
	card.querySelector(".ring p").replaceChildren(make("b", {}, whole(pool.slots)), "slots");
	const note = card.querySelector(".ring-note"), picture = state.rings[pool.name];
	note.replaceChildren(...(pool.open_slots > 0 ? [make("i"), `${whole(pool.open_slots)} open: they still serve flows of the node before`]
		: [picture && picture.each > 1 ? `All slots have settled. One mark is ${picture.each} slots.` : "All slots have settled."]));
	mark(card.querySelector("canvas"), "aria-label", `Slots of pool ${pool.name} by node: ` + pool.list.slice(0, 12).map((node) => `${node.name} ${whole(node.slots)}`).join(", ") +
		`; ${whole(pool.open_slots)} open`);
	mark(card, "data-open-slots", pool.open_slots);
	mark(card, "data-pool", pool.name);
	paint(card);
}

/* The pools of the last answer as a list, with what is reckoned of each node. */
function pool_list() {
	return Object.entries(state.now.pools).map(([name, pool]) => {
		const places = new Map();
		const list = Object.entries(pool.nodes).map(([node, row], place) => {
			places.set(node, place);
			return { ...row, name: node, place, rate: rate(["pools", name, "nodes", node, "packets"]) };
		});

		return { ...pool, name, list, places };
	});
}

/* ---- the rest ---------------------------------------------------------------------------------*/

function services() {
	const list = Object.entries(state.now.services).map(([name, row]) => ({ name, ...row }));

	plain($("service-rows"), list, (row) => row.name, [[(row) => row.name, "name"], [(row) => row.address, ""], [(row) => row.protocol || "all", ""],
		[(row) => (row.ports || []).join(", ") || "all", ""], [(row) => row.pool, ""], [(row) => shown(rate(["services", row.name, "packets"])), "num"],
		[(row) => whole(row.packets), "num"], [(row) => brief(row.bytes), "num"]], "There are no services.");
	for (const row of $("service-rows").children)
		if (row.dataset.key)
			mark(row, "data-packets", state.now.services[row.dataset.key].packets);
}

function bar_row() {
	return make("li", {}, make("span"), make("div", { class: "bar" }, make("b")), make("span", { class: "num" }));
}

function drops() {
	const dropped = state.now.stats.dropped, total = Object.values(dropped).reduce((sum, one) => sum + one, 0);
	const list = Object.entries(dropped).filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]);

	put($("drops-sum"), total ? `${whole(total)} of ${whole(state.now.stats.balance.received)} received` : "");
	rows($("drop-rows"), list, (item) => item[0], bar_row, (row, [reason, count]) => {
		const now = rate(["stats", "dropped", reason]);

		put(row.children[0], reason);
		row.children[1].firstChild.style.width = `${100 * count / total}%`;
		put(row.children[2], `${whole(count)}${now ? ` (${brief(now)}/s)` : ""}`);
		mark(row, "data-count", count);
	}, "Nothing was dropped.");
}

function links() {
	const ports = Object.entries(state.now.stats.ports).map(([name, row]) => ({ name, ...row })), cores = state.now.status.cores || [];

	plain($("port-rows"), ports, (row) => row.name, [[(row) => row.name, "name"],
		[(row) => make("span", {}, badge(row.link), row.link === "up" && row.speed_mbps ? ` ${brief(row.speed_mbps * 1e6)}bit/s` : ""), ""],
		[(row) => shown(rate(["stats", "ports", row.name, "rx_packets"])), "num"], [(row) => shown(rate(["stats", "ports", row.name, "tx_packets"])), "num"],
		[(row) => row.mtu, "num"], [(row) => whole(row.rx_missed), "num"], [(row) => whole(row.tx_failed), "num"]], "There are no ports.");
	rows($("core-rows"), cores, (core) => core.name, bar_row, (row, core) => {
		put(row.children[0], `${core.name}, CPU ${core.cpu}${core.stuck ? ", stuck" : core.slow ? ", slow" : ""}`);
		row.children[1].firstChild.style.width = `${100 * core.busy}%`;
		put(row.children[2], `${(100 * core.busy).toFixed(0)} %`);
	}, "There are no cores.");
}

/* Of a daemon that is in no cluster there is no card. */
function cluster() {
	const cluster = state.now.cluster, off = !cluster || cluster.state === "off";

	$("cluster").hidden = off;
	$("cluster-jump").hidden = off;
	if (off)
		return;
	$("cluster-state").replaceChildren(`${cluster.name}: this is ${cluster.member} `, badge(cluster.state),
		` generation ${cluster.generation}, ${cluster.log} in the log${cluster.why ? `: ${cluster.why}` : ""}`);
	mark($("cluster"), "data-state", cluster.state);
	mark($("cluster"), "data-generation", cluster.generation);
	plain($("cluster-rows"), cluster.members, (row) => row.name, [[(row) => row.name, "name"], [(row) => row.address, ""], [(row) => badge(row.state), ""],
		[(row) => row.generation, "num"], [(row) => row.lag_ms ? span(row.lag_ms / 1000) : "–", "num"],
		[(row) => row.since ? span((Date.now() - row.since) / 1000) : "", "num"], [(row) => row.version || "", ""]], "No member is known.");
}

function neighbors() {
	plain($("neighbor-rows"), state.now.neighbors, (row) => `${row.port} ${row.address}`, [[(row) => row.port, ""], [(row) => row.address, ""], [(row) => row.mac || "", ""],
		[(row) => badge(row.state), ""], [(row) => row.source, ""], [(row) => span(row.age_seconds), "num"]], "No node needs a next hop that is not in the configuration.");
}

function history() {
	const moved = (line) => Object.entries(line.moved_slots).filter(([, slots]) => slots > 0).map(([pool, slots]) => `${pool} ${whole(slots)}`).join(", ");

	plain($("history-rows"), [...state.now.history].reverse(), (line) => line.generation, [[(line) => line.generation, "num"],
		[(line) => make("time", { datetime: line.time, title: line.time }, `${span((Date.now() - line.time_ms) / 1000)} ago`), ""], [(line) => line.verb, "name"],
		[(line) => line.what, ""], [(line) => moved(line) || "–", ""], [(line) => `uid ${line.uid}`, ""]], "Nothing was changed.");
}

function head() {
	const status = state.now.status;

	put($("version"), status.version);
	put($("subtitle"), `generation ${status.generation}, up ${span(status.uptime_seconds)}, process ${status.pid}`);
	mark(document.body, "data-generation", status.generation);
	put($("health"), state.now.health);
	$("health").className = `pill ${state.now.health === "serving" ? "is-good" : "is-bad"}`;
	document.title = `${state.now.health === "serving" ? "" : "! "}sluice, generation ${status.generation}`;
}

function show() {
	if (!state.now)
		return;
	head();
	tiles();
	rows($("pool-list"), pool_list(), (pool) => pool.name, pool_create, pool_update);
	services();
	drops();
	links();
	cluster();
	neighbors();
	history();
	mark(document.body, "data-rounds", state.now.round);
}

function add_event(event) {
	const kind = event.kind === "node" ? badge(event.state || "node") : make("span", { class: "state" }, event.kind);

	$("event-rows").prepend(make("li", {}, make("time", { class: "faint" }, clock(event.time_ms)), make("span", {}, kind), make("span", {}, event.text || "")));
	while ($("event-rows").children.length > EVENTS_MAX)
		$("event-rows").lastChild.remove();
}

/* ---- asking -----------------------------------------------------------------------------------*/

async function ask(path) {
	const answer = await fetch(`api/${path}`, { cache: "no-store", credentials: "omit" });

	if (!answer.ok)
		throw new Error(`${path}: ${answer.status}`);
	return answer.json();
}

/* Rings whose slots moved since they were drawn last. */
async function ask_rings(pools, snapshot) {
	for (const [name, pool] of Object.entries(pools).slice(0, 32)) {
		const stamp = `${snapshot} ${pool.open_slots}`;

		if (!state.rings[name] || state.rings[name].stamp !== stamp)
			state.rings[name] = { ...await ask(`ring?pool=${encodeURIComponent(name)}`), stamp };
	}
}

async function round() {
	if (state.busy)
		return;
	clearTimeout(state.timer);
	state.busy = true;
	const begun = performance.now();

	try {
		const [stats, status, pools, services_, history_, neighbors_, rates, cluster_, health] = await Promise.all([ask("stats"), ask("status"), ask("pools"), ask("services"),
			ask("history?limit=25"), ask("neighbors"), ask("rates"), ask("cluster"), fetch("healthz", { cache: "no-store" })]);

		await ask_rings(pools.pools, status.snapshot);
		state.before = state.now;
		state.now = { stats, status, pools: pools.pools, services: services_.services, history: history_.history, neighbors: neighbors_.neighbors, cluster: cluster_,
			health: (await health.text()).trim(), round: (state.before ? state.before.round : 0) + 1 };
		if (state.before && (stats.uptime_seconds <= state.before.stats.uptime_seconds || status.pid !== state.before.status.pid))
			state.before = null;
		state.rates = rates;
		$("banner").hidden = true;
		show();
		if (!$("chart").matches(":hover, :focus"))
			chart();
	} catch (error) {
		put($("banner"), `The daemon does not answer (${error.message}). What is shown is of before.`);
		$("banner").hidden = false;
		put($("health"), "no answer");
		$("health").className = "pill is-bad";
	}
	state.busy = false;
	if (!state.paused && !document.hidden)
		state.timer = setTimeout(round, Math.max(EVERY_MS, 10 * (performance.now() - begun)));
}

function soon() {
	if (state.paused || document.hidden)
		return;
	clearTimeout(state.timer);
	state.timer = setTimeout(round, 150);
}

function listen() {
	state.source = new EventSource("api/events");
	state.source.onopen = () => put($("events-state"), "as they come");
	state.source.onerror = () => put($("events-state"), "not connected: trying again");
	state.source.onmessage = (message) => {
		add_event(JSON.parse(message.data));
		soon();
	};
	rows($("event-rows"), [], () => "", null, null, "Nothing has happened since this page was opened.");
}

/* ---- controls ---------------------------------------------------------------------------------*/

function theme(choice) {
	const dark = choice === "dark" || (choice === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);

	document.documentElement.dataset.theme = dark ? "dark" : "light";
	document.documentElement.dataset.choice = choice;
	put($("theme"), `Theme: ${choice}`);
	try {
		localStorage.setItem("sluice-theme", choice);
	} catch (error) {
		/* a browser that keeps nothing starts with auto again */
	}
	show();
}

function saved_theme() {
	try {
		return localStorage.getItem("sluice-theme") || "auto";
	} catch (error) {
		return "auto";
	}
}

function toggle_theme() {
	const choices = ["auto", "light", "dark"];

	theme(choices[(choices.indexOf(document.documentElement.dataset.choice) + 1) % choices.length]);
}

function toggle_pause() {
	state.paused = !state.paused;
	mark($("pause"), "aria-pressed", state.paused);
	put($("pause"), state.paused ? "Go on" : "Pause");
	if (!state.paused)
		soon();
}

function start() {
	theme(saved_theme());
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => theme(document.documentElement.dataset.choice));
	$("theme").addEventListener("click", toggle_theme);
	$("pause").addEventListener("click", toggle_pause);
	$("filter").addEventListener("input", (event) => {
		state.filter = event.target.value;
		show();
	});
	document.addEventListener("keydown", (event) => {
		if (event.ctrlKey || event.metaKey || event.altKey)
			return;
		if (event.target.tagName === "INPUT") {
			if (event.key === "Escape")
				event.target.blur();
		} else if (event.key === "/") {
			event.preventDefault();
			$("filter").focus();
		} else if (event.key === "p") {
			toggle_pause();
		} else if (event.key === "t") {
			toggle_theme();
		}
	});
	document.addEventListener("visibilitychange", soon);
	window.addEventListener("resize", show);
	chart_keys();
	listen();
	round();
}

start();
