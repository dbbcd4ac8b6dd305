"""The equipment truck: model families, weights, networks and their shot-aware attention.

``spec``, ``locate``, ``placement``, ``cost`` and ``lora.file`` are free of torch; the rest opens
when work starts. May import: errors, events, script.timeline (spans).
"""
