"""What the tasks are made of: an image that is named by its digest, or that of this checkout."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stages import Settings

_CHECKOUT: Final = Path(__file__).resolve().parents[2]
_BY_DIGEST: Final = re.compile(r"(?P<repository>[^@\s]+)@(?P<digest>sha256:[0-9a-f]{64})")
_IN_ECR: Final = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[\w-]+)\.amazonaws\.com/(?P<name>[\w./-]+)")


def container_image(scope: Construct, named: str | None, settings: Settings) -> ecs.ContainerImage:
    """Without a name `cdk deploy` builds the checkout, for which Docker has to be there. Raises ValueError for a tag:
    what a tag names can change between two tasks.
    """
    if named is None:
        return ecs.ContainerImage.from_asset(
            str(_CHECKOUT),
            platform=(
                ecr_assets.Platform.LINUX_ARM64 if settings.processor == "arm64" else ecr_assets.Platform.LINUX_AMD64
            ),
        )
    image = _BY_DIGEST.fullmatch(named)
    if image is None:
        raise ValueError(f"The image is {named!r}; name it by its digest, as in REPOSITORY@sha256:…")
    in_ecr = _IN_ECR.fullmatch(image["repository"])
    if in_ecr is None:
        return ecs.ContainerImage.from_registry(named)
    repository = ecr.Repository.from_repository_attributes(
        scope,
        "Repository",
        repository_name=in_ecr["name"],
        repository_arn=f"arn:aws:ecr:{in_ecr['region']}:{in_ecr['account']}:repository/{in_ecr['name']}",
    )
    return ecs.ContainerImage.from_ecr_repository(repository, image["digest"])
