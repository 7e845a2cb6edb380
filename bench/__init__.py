"""What Hames costs, measured: CPU, memory and tokens, beside others and beside a bare loop.

    python -m bench                      # everything; a Markdown table
    python -m bench --only read,edit     # some rows
    python -m bench --json figures.json  # every single run
    python -m bench --write docs/performance.md

    rows        what is measured, and how
    subjects    who is measured: Hames, a bare loop, and the peers that are installed
    programs/   what runs in the measured processes, one file per subject
    server      a light fake Messages API, in a process of its own
    plays       what the fake model does; travels in the prompt
    coding      a small repository and forty calls that change it
    large       a repository of 10,000 files
    measure     CPU and memory of a process and everything it starts
    machine     where the figures were made
    table       the figures as Markdown

Nothing here needs a key or a network. `docs/performance.md` says how to read the table.
"""
