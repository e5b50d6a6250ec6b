import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

from events.sinks import SINK_CLASSES, build_sink, enabled_sinks


def test_queue_names_are_the_schemes(settings):
    settings.EVENT_SINKS = ["console", "file:/var/log/a:b.ndjson"]

    assert enabled_sinks() == ["console", "file"]


def test_a_change_of_the_list_handed_out_changes_nothing(settings):
    settings.EVENT_SINKS = ["console"]
    enabled_sinks().append("other")

    assert enabled_sinks() == ["console"]


@pytest.mark.parametrize("name", sorted(SINK_CLASSES))
def test_every_known_sink_can_be_built(settings, tmp_path, name):
    settings.EVENT_SINKS = [name if name in ("console", "memory") else f"{name}:{tmp_path / 'events.ndjson'}"]

    sink = build_sink(name)

    assert sink.max_batch > 0
    assert sink.ordered_pipeline in (True, False)
    sink.close()


@pytest.mark.parametrize(
    ("sinks", "sentence"),
    [
        (
            ["kafka:here"],
            "EVENT_SINKS names 'kafka:here', whose sink 'kafka' is unknown. Known sinks: console, ",
        ),
        (["file:/a", "file:/b"], "EVENT_SINKS names the sink 'file' twice"),
    ],
)
def test_a_wrong_setting_is_refused_at_the_start(settings, sinks, sentence):
    settings.EVENT_SINKS = sinks

    with pytest.raises(ImproperlyConfigured, match=sentence):
        enabled_sinks()
    assert [error.id for error in run_checks() if error.id and error.id.startswith("events.")] == ["events.E001"]
