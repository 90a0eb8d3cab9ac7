#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The status page in chromium: what it shows is what `stats` says, also after a change; it loads nothing from
elsewhere, lets nobody frame it, can be used by keyboard and fits a telephone.

SLUICE_SHOTS=FOLDER keeps screenshots of it: wide and narrow, light and dark."""

import json
import os
import shutil
import sys
import tempfile
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import PATIENCE, Skip, case, equal, run, true, until  # noqa: E402
import control  # noqa: E402
import daemon  # noqa: E402

try:
    from selenium import webdriver
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.keys import Keys
except ImportError:
    webdriver = None

SHOTS = os.environ.get("SLUICE_SHOTS")
ADDRESSED = {"addresses": ["192.0.2.2/24"], "gateway": {"address": "192.0.2.1", "mac": "02:00:00:00:00:01"}}


def scene(folder):
    """Two pools with traffic, workers and remote nodes; one node without a next hop."""
    remote = [{"name": f"edge{n}", "address": f"10.0.{n}.11", "encap": encap, "port": "p0", "weight": weight}
              for n, encap, weight in ((1, "ipip", 50), (2, "gue", 100), (3, "vxlan", 25.5))]
    remote[2]["vni"] = 7
    pools = [{"name": "edge", "slots": 1024, "scheduler": "maglev", "nodes": remote}]
    services = [{"name": "all", "address": "any", "pool": "web"},
                {"name": "https", "address": "192.0.2.77", "protocol": "tcp", "ports": [443, "8000-8099"], "pool": "edge"}]
    place = f"{daemon.LOOPBACK}:{daemon.free_port()}"
    # the traffic of the capture goes on for as long as the daemon runs
    port = {**control.busy(folder), **ADDRESSED}
    conf = control.conf(folder, port=port, pools=pools, services=services, control={"metrics": place},
                        pool={"idle_timeout": {"tcp": "600s", "udp": "600s", "other": "600s"}, "tracking": "transition"})
    return conf, place


def browser(options):
    """None where it did not start: the number of its port is taken by chance, or the machine stood still."""
    try:
        return webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
    except WebDriverException as problem:
        print(f"# {str(problem).splitlines()[0]}", flush=True)
        return None


class Page:
    """The page in a browser, beside the daemon that serves it."""

    def __init__(self, width=1366, height=2100):
        if webdriver is None or not shutil.which("chromedriver"):
            raise Skip("python3-selenium, chromium and chromium-driver are not installed")
        self.size = (width, height)

    def __enter__(self):
        self.folder = daemon.Folder()
        self.folder.__enter__()
        self.profile = tempfile.mkdtemp(prefix="sluice-page-")
        self.conf, self.place = scene(self.folder)
        self.daemon = daemon.Daemon(self.folder, self.conf)
        self.daemon.ready()
        self.session = daemon.Session(self.daemon.socket)
        options = webdriver.ChromeOptions()
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
                     f"--user-data-dir={self.profile}", f"--window-size={self.size[0]},{self.size[1]}"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = until(lambda: browser(options), "a browser")
        self.driver.set_page_load_timeout(PATIENCE)
        self.driver.get(f"http://{self.place}/")
        self.rounds(2)
        return self

    def __exit__(self, *_):
        self.driver.quit()
        self.session.__exit__()
        self.daemon.__exit__()
        self.folder.__exit__()
        shutil.rmtree(self.profile, ignore_errors=True)

    def js(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def rounds(self, count):
        """Waits until the page has shown so many more answers."""
        seen = int(self.js("return document.body.dataset.rounds || 0"))
        until(lambda: int(self.js("return document.body.dataset.rounds || 0")) >= seen + count, "the page asks and shows")

    def shown(self):
        """What the rows of nodes say, by pool and node."""
        return self.js("""
            const all = {};
            for (const pool of document.querySelectorAll('article.pool')) {
                all[pool.dataset.pool] = { open: pool.dataset.openSlots, nodes: {} };
                for (const row of pool.querySelectorAll('tr[data-node]'))
                    all[pool.dataset.pool].nodes[row.dataset.node] = { ...row.dataset, text: row.innerText };
            }
            return all;""")

    def shot(self, name):
        if SHOTS:
            os.makedirs(SHOTS, exist_ok=True)
            self.driver.save_screenshot(os.path.join(SHOTS, f"{name}.png"))


def agrees(page):
    """The page's figures lie between those of two answers of `stats` around it."""
    before = page.session.result("stats")
    page.rounds(1)
    page.rounds(1)
    shown = page.shown()
    after = page.session.result("stats")
    equal(sorted(shown), sorted(before["pools"]), "pools")
    for pool, row in before["pools"].items():
        equal(sorted(shown[pool]["nodes"]), sorted(row["nodes"]), f"nodes of {pool}")
        for node, figures in row["nodes"].items():
            got = shown[pool]["nodes"][node]
            equal(got["state"], figures["state"], f"state of {pool}/{node}")
            equal(float(got["weight"]), figures["weight"], f"weight of {pool}/{node}")
            equal(int(got["slots"]), figures["slots"], f"slots of {pool}/{node}")
            true(abs(float(got["expectedShare"]) - figures["expected_share"]) < 1e-9, f"expected share of {pool}/{node}: {got}")
            true(abs(float(got["measuredShare"]) - after["pools"][pool]["nodes"][node]["measured_share"]) < 0.2, got)
            true(figures["packets"] <= int(got["packets"]) <= after["pools"][pool]["nodes"][node]["packets"],
                 f"packets of {pool}/{node}: {figures['packets']} {got['packets']}")
            true(f"{100 * figures['expected_share']:.2f}" in got["text"], f"{node} does not say its share: {got['text']}")
    totals = page.js("return Object.fromEntries([...document.querySelectorAll('.tile')].map(tile => "
                     "[tile.dataset.total, Number(tile.querySelector('[data-value]').dataset.value)]))")
    for name, value in totals.items():
        true(before["balance"][name] <= value <= after["balance"][name], f"{name}: {value}, {before['balance']}")
    equal(int(page.js("return document.body.dataset.generation")), after["generation"], "generation")


@case("the page shows what stats says, and what a change makes of it; an event is shown as it comes")
def figures():
    with Page() as page:
        page.session.sees(1000)
        agrees(page)
        page.shot("wide-light")
        page.session.result("node.set_weight", pool="web", node="c", weight=300)
        page.session.result("node.disable", pool="edge", node="edge1")
        until(lambda: page.js("return document.body.dataset.generation") == "3", "the change is shown")
        agrees(page)
        true(int(page.shown()["web"]["open"]) > 0, "open slots are not shown")
        until(lambda: "edge/edge1 is disabled" in page.js("return document.getElementById('event-rows').innerText"), "the event")
        until(lambda: all(word in page.js("return document.getElementById('history-rows').innerText")
                          for word in ("set-weight", "edge1 disabled")), "the history")
        # a ring is a picture: cells of several colours, open ones marked
        colours = page.js("""
            const canvas = document.querySelector('[data-pool=web] canvas'), all = {};
            const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            for (let i = 0; i < data.length; i += 4)
                if (data[i + 3] === 255)
                    all[[data[i], data[i + 1], data[i + 2]]] = (all[[data[i], data[i + 1], data[i + 2]]] || 0) + 1;
            return Object.values(all).filter(count => count > 200).length""")
        true(colours >= 4, f"the ring has {colours} colours")
        page.js("document.getElementById('theme').click(); document.getElementById('theme').click()")
        equal(page.js("return document.documentElement.dataset.theme"), "dark", "theme")
        page.rounds(1)
        page.shot("wide-dark")


@case("a cluster has a card with its members, their states and generations; who is in none has no card")
def cluster():
    with Page() as page:
        equal(page.js("return document.getElementById('cluster').hidden"), True, "a card without a cluster")
        # what a member's daemon would answer, as the verb `cluster` has it
        told = {"name": "front", "member": "d1", "state": "no_quorum", "why": "the store does not answer", "generation": 12, "log": 7,
                "checkpoint": 5, "waiting": 0,
                "members": [{"name": "d1", "address": "192.0.2.2", "state": "no_quorum", "generation": 12, "lag_ms": 0, "since": 1700000000000,
                             "version": "0.1.0", "digest": "00"},
                            {"name": "<b>d2</b>", "address": "192.0.2.3", "state": "member", "generation": 9, "lag_ms": 61000,
                             "since": 1700000000000, "version": "0.1.0", "digest": "00"}]}
        page.js("state.paused = true; state.now.cluster = arguments[0]; show()", told)
        equal(page.js("return document.getElementById('cluster').hidden"), False, "no card")
        text = page.js("return document.getElementById('cluster').innerText")
        for words in ("front: this is d1", "no_quorum", "generation 12", "the store does not answer", "<b>d2</b>", "192.0.2.3", "1 min 1 s"):
            true(words in text, f"{words} is not in {text}")
        equal(page.js("return [...document.querySelectorAll('#cluster-rows tr')].map(row => row.cells[3].innerText)"), ["12", "9"], "generations")
        page.shot("cluster")


@case("nothing comes from elsewhere, and scripts find no fault; headers forbid frames and others' scripts")
def alone():
    with Page() as page:
        page.rounds(1)
        asked = [json.loads(entry["message"])["message"] for entry in page.driver.get_log("performance")]
        places = {entry["params"]["request"]["url"].split("/")[2] for entry in asked
                  if entry["method"] == "Network.requestWillBeSent" and entry["params"]["request"]["url"].startswith("http")}
        equal(places, {page.place}, "who was asked")
        faults = [entry for entry in page.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        equal(faults, [], "what the browser complains of")
        with urllib.request.urlopen(f"http://{page.place}/", timeout=PATIENCE) as answer:
            policy = answer.headers["Content-Security-Policy"]
            equal(answer.headers["X-Frame-Options"], "DENY", "frames")
            true("default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy, policy)
        for method, path in (("POST", "/api/stats"), ("GET", "/api/config.get"), ("GET", "/api/node.disable?pool=web&node=a")):
            try:
                with urllib.request.urlopen(urllib.request.Request(f"http://{page.place}{path}", method=method, data=None),
                                            timeout=PATIENCE) as answer:
                    true(False, f"{method} {path}: {answer.status}")
            except urllib.error.HTTPError as error:
                true(error.code in (404, 405), f"{method} {path}: {error.code}")
        equal(page.session.result("status")["generation"], 1, "generation")


@case("keys filter, sort and walk; what is not named by a key has a name for who cannot see it")
def keyboard():
    with Page() as page:
        body = page.driver.switch_to.active_element
        body.send_keys("/")
        equal(page.js("return document.activeElement.id"), "filter", "the key / goes to the filter")
        page.driver.switch_to.active_element.send_keys("edge2")
        equal(sorted(page.shown()["edge"]["nodes"]), ["edge2"], "filtered")
        page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
        page.js("document.getElementById('filter').value = ''; document.getElementById('filter').dispatchEvent(new Event('input'))")
        page.js("document.querySelector('[data-pool=edge] [data-sort=weight]').focus()")
        page.driver.switch_to.active_element.send_keys(Keys.ENTER)
        names = page.js("return [...document.querySelectorAll('[data-pool=edge] tr[data-node]')].map(row => row.dataset.node)")
        equal(names, ["edge2", "edge1", "edge3"], "sorted by weight")
        page.js("document.activeElement.blur()")
        page.driver.find_element("tag name", "body").send_keys("p")
        equal(page.js("return document.getElementById('pause').getAttribute('aria-pressed')"), "true", "paused")
        page.driver.find_element("tag name", "body").send_keys("p")
        nameless = page.js("""
            return [...document.querySelectorAll('button, input, a, [tabindex="0"], canvas')].filter(one => !(one.innerText ||
                one.getAttribute('aria-label') || one.getAttribute('aria-labelledby') || (one.labels && one.labels.length))
                && !one.hidden).map(one => one.outerHTML)""")
        equal(nameless, [], "without a name")


@case("on a telephone nothing is wider than the screen")
def narrow():
    with Page(width=500, height=2600) as page:
        page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": 390, "height": 2600, "deviceScaleFactor": 2, "mobile": True})
        page.rounds(1)
        wide = page.js("return [document.documentElement.scrollWidth, window.innerWidth]")
        true(wide[0] <= wide[1], f"the page is {wide[0]} wide, the screen {wide[1]}")
        equal(sorted(page.shown()), ["edge", "web"], "pools")
        page.shot("narrow-light")
        page.js("document.getElementById('theme').click(); document.getElementById('theme').click()")
        page.rounds(1)
        page.shot("narrow-dark")


@case("a daemon that goes is said, and one that comes back is shown")
def gone():
    with Page() as page:
        page.daemon.process.kill()
        page.daemon.process.wait()
        until(lambda: "does not answer" in page.js("return document.getElementById('banner').innerText"), "it is said")
        page.daemon.__exit__()
        page.daemon = daemon.Daemon(page.folder, page.conf, name="again")
        page.daemon.ready()
        until(lambda: page.js("return document.getElementById('banner').hidden"), "the page goes on")
        page.session = daemon.Session(page.daemon.socket)
        agrees(page)


if __name__ == "__main__":
    run()
