"""The Python face: all that the command line does, typed, and opened when it is first used.

    from holocine_core import api as holocine

    film = holocine.render("harbour.yaml", holocine.Request(profile="draft"))
    print(film.path, film.seconds)

Verbs return frozen values and raise the errors of ``holocine_core.errors``; those that work long
take an ``emit``, which receives the events of ``holocine_core.events``. Nothing is printed. May
import: all rooms.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from holocine_core.api.homes import HOMES

if TYPE_CHECKING:
    from holocine_core.api.cleaning import clean, read_age
    from holocine_core.api.config import (
        config_places,
        configuration,
        configured,
        film_configuration,
        hand_settings,
        handed_settings,
        idle_config,
        misspelled_variables,
        user_config,
    )
    from holocine_core.api.edits import (
        FilmVersion,
        drop_versions,
        extend,
        make_edit,
        plan_extend,
        plan_reshoot,
        plan_version,
        reshoot,
        settle_edit,
        versions,
    )
    from holocine_core.api.films import (
        Checked,
        Drafts,
        beside,
        check,
        clips,
        draft_requests,
        drafts_asked,
        draw_board,
        named_files,
        plan,
        plan_to_make,
        preflight,
        preview,
        render,
        require_board,
        schema,
        write_schema,
    )
    from holocine_core.api.fleet import join_fleet, queued
    from holocine_core.api.looks import (
        EditorFormat,
        Exported,
        Measuring,
        Reported,
        edited_screenplay,
        evaluate,
        export,
        extract,
        inspect,
        report,
        shown_measures,
    )
    from holocine_core.api.machine import (
        ModelPage,
        add_model,
        added_models,
        doctor,
        forget_model,
        merge,
        model,
        model_files,
        model_page,
        model_summaries,
        models,
        pull,
        verify,
    )
    from holocine_core.api.scripts import Imported, Script, import_script
    from holocine_core.api.shipping import Started, new, recipes, suites, template_names
    from holocine_core.api.teaching import (
        JudgeSettings,
        draw_sheet,
        ingest,
        measure_training,
        outline,
        read_recipe,
        refit,
        stage,
        teach_encoder,
        train,
        train_codec,
        train_judge,
    )
    from holocine_core.config.resolve import Configured
    from holocine_core.config.shown import ShownConfig, ShownSetting, shown_config
    from holocine_core.doctor import Check
    from holocine_core.evaluate.evaluation import Evaluation
    from holocine_core.evaluate.filming import Watch
    from holocine_core.film.clean import Cleaning
    from holocine_core.film.cut_list import shown_times
    from holocine_core.film.editing import Edit, Edited
    from holocine_core.film.extras import (
        Extras,
        check_extras,
        may_replace,
        outdated,
        shots_folder,
    )
    from holocine_core.film.planning import Source, refuse_collisions
    from holocine_core.film.provenance import (
        Inspection,
        call_told,
        own_profile_told,
        take_record,
    )
    from holocine_core.film.ready import require_place, require_ready
    from holocine_core.film.target import Target, as_it_stands, target
    from holocine_core.film.values import Beside, Film
    from holocine_core.film.waste import WASTE_WORDS, Waste
    from holocine_core.fleet.overview import FilmState, FilmStatus, Overview, overview
    from holocine_core.fleet.queue import Outcome, Queue, Queued, Turn
    from holocine_core.ingest.collect import Collected
    from holocine_core.ingest.request import IngestRequest
    from holocine_core.lab.samples import Sample
    from holocine_core.lab.words.vectors import write_text_start
    from holocine_core.model.hardware import keep_freed_memory, process_peak
    from holocine_core.model.inventory import ModelFile
    from holocine_core.model.lora.file import EXPERTS, LoraFile
    from holocine_core.model.presence import ModelState
    from holocine_core.plan.pace import HERE, Estimate, Pace, estimate, pace_of
    from holocine_core.plan.processor import processor_warning
    from holocine_core.plan.title_cards import PlannedCard, cards_of
    from holocine_core.plan.values import Plan, Take
    from holocine_core.request import Request
    from holocine_core.sample.peek import Peek
    from holocine_core.sample.peek_file import require_peek
    from holocine_core.sample.studio import Studio
    from holocine_core.sampling import Cache, OwnProfile, Sampling
    from holocine_core.script.edits import edit_record, edits_told
    from holocine_core.script.other_words import screenplay_key
    from holocine_core.script.screenplay import LORA_LIMIT
    from holocine_core.script.shot_change import SHOT_WORDS, ShotChange
    from holocine_core.script.shot_names import shot_name, shots_named
    from holocine_core.script.timeline import FrameSpan, Moved
    from holocine_core.store.files import save_json
    from holocine_core.train.call import ExportOf
    from holocine_core.train.dry_run import Outline
    from holocine_core.train.measure import StepPace
    from holocine_core.train.recipe import Recipe
    from holocine_core.units import clock, counted, duration, file_size, memory, scaled

__all__ = [
    "EXPERTS",
    "HERE",
    "LORA_LIMIT",
    "SHOT_WORDS",
    "WASTE_WORDS",
    "Beside",
    "Cache",
    "Check",
    "Checked",
    "Cleaning",
    "Collected",
    "Configured",
    "Drafts",
    "Edit",
    "Edited",
    "EditorFormat",
    "Estimate",
    "Evaluation",
    "ExportOf",
    "Exported",
    "Extras",
    "Film",
    "FilmState",
    "FilmStatus",
    "FilmVersion",
    "FrameSpan",
    "Imported",
    "IngestRequest",
    "Inspection",
    "JudgeSettings",
    "LoraFile",
    "Measuring",
    "ModelFile",
    "ModelPage",
    "ModelState",
    "Moved",
    "Outcome",
    "Outline",
    "Overview",
    "OwnProfile",
    "Pace",
    "Peek",
    "Plan",
    "PlannedCard",
    "Queue",
    "Queued",
    "Recipe",
    "Reported",
    "Request",
    "Sample",
    "Sampling",
    "Script",
    "ShotChange",
    "ShownConfig",
    "ShownSetting",
    "Source",
    "Started",
    "StepPace",
    "Studio",
    "Take",
    "Target",
    "Turn",
    "Waste",
    "Watch",
    "add_model",
    "added_models",
    "as_it_stands",
    "beside",
    "call_told",
    "cards_of",
    "check",
    "check_extras",
    "clean",
    "clips",
    "clock",
    "config_places",
    "configuration",
    "configured",
    "counted",
    "doctor",
    "draft_requests",
    "drafts_asked",
    "draw_board",
    "draw_sheet",
    "drop_versions",
    "duration",
    "edit_record",
    "edited_screenplay",
    "edits_told",
    "estimate",
    "evaluate",
    "export",
    "extend",
    "extract",
    "file_size",
    "film_configuration",
    "forget_model",
    "hand_settings",
    "handed_settings",
    "idle_config",
    "import_script",
    "ingest",
    "inspect",
    "join_fleet",
    "keep_freed_memory",
    "make_edit",
    "may_replace",
    "measure_training",
    "memory",
    "merge",
    "misspelled_variables",
    "model",
    "model_files",
    "model_page",
    "model_summaries",
    "models",
    "named_files",
    "new",
    "outdated",
    "outline",
    "overview",
    "own_profile_told",
    "pace_of",
    "plan",
    "plan_extend",
    "plan_reshoot",
    "plan_to_make",
    "plan_version",
    "preflight",
    "preview",
    "process_peak",
    "processor_warning",
    "pull",
    "queued",
    "read_age",
    "read_recipe",
    "recipes",
    "refit",
    "refuse_collisions",
    "render",
    "report",
    "require_board",
    "require_peek",
    "require_place",
    "require_ready",
    "reshoot",
    "save_json",
    "scaled",
    "schema",
    "screenplay_key",
    "settle_edit",
    "shot_name",
    "shots_folder",
    "shots_named",
    "shown_config",
    "shown_measures",
    "shown_times",
    "stage",
    "suites",
    "take_record",
    "target",
    "teach_encoder",
    "template_names",
    "train",
    "train_codec",
    "train_judge",
    "user_config",
    "verify",
    "versions",
    "write_schema",
    "write_text_start",
]

if not TYPE_CHECKING:  # A type checker reads the imports above, and knows what is not there.

    def __getattr__(name: str) -> Any:
        if name not in HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(importlib.import_module(f"holocine_core.{HOMES[name]}"), name)
        globals()[name] = found
        return found


def __dir__() -> Sequence[str]:
    return sorted({*globals(), *HOMES})
