"""The stack that most of the real tests share."""

STACK = """
registry: {host}/hub
variants:
  py311: {{suite: bookworm}}
  py313: {{suite: trixie}}

layers:
  base:
    from: {{debian: "{{{{ suite }}}}"}}
    apt: [ca-certificates, python3, python3-yaml, tini]
    env: {{LANG: C.UTF-8}}
  singleuser:
    on: base
    user: {{name: jovyan, uid: 1000, gid: 100}}
    pip: ["jupyterhub=={hub}.*", "jupyterlab>=4.4,<5", "notebook>=7.4,<8", ipywidgets, pip]
    env: {{SHELL: /bin/bash}}
    labels: {{org.example.hub: campus}}
    entrypoint: [tini, -g, --]
    cmd: [jupyterhub-singleuser]
  science: {{on: singleuser, pip: [numpy, pandas]}}
  text: {{on: science, pip: [humanize], files: [{{from: hello.sh, to: /opt/hello, mode: "0755"}}]}}
  tables: {{on: science, pip: [tabulate]}}

images:
  minimal:
    layers: [singleuser]
  both:
    layers: [text, tables]
    variants: [py311]
    profile: {{display_name: Both, default: true}}
"""

BOTH = ("base", "singleuser", "science", "text", "tables")
"""The layers of the image ``both``: a diamond."""

BYTECODE = """
import importlib.util, json, pathlib, site
used, stale, without = 0, [], []
for source in pathlib.Path("/usr/local/lib").rglob("*.py"):
    cached = pathlib.Path(importlib.util.cache_from_source(str(source)))
    if not cached.exists():
        try: compile(source.read_bytes(), "x", "exec", dont_inherit=True)
        except (SyntaxError, ValueError): continue
        without.append(str(source))
        continue
    data = cached.read_bytes()
    good = data[:4] == importlib.util.MAGIC_NUMBER and data[4:8] == b"\\3\\0\\0\\0"
    if good and data[8:16] == importlib.util.source_hash(source.read_bytes()): used += 1
    else: stale.append(str(cached))
print(json.dumps({"used": used, "stale": stale, "without": without}))
"""
"""Tells whether each source in the image has bytecode, and whether that counts."""
