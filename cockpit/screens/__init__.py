"""The screens, by name."""

from __future__ import annotations

from cockpit.screens.base import Station
from cockpit.screens.drift import DriftScreen
from cockpit.screens.log import Log
from cockpit.screens.overview import Overview
from cockpit.screens.plan import PlanScreen
from cockpit.screens.proof import ProofScreen
from cockpit.screens.quarantine import QuarantineScreen
from cockpit.screens.runbook import Runbook
from cockpit.screens.wave import Wave

SCREENS: dict[str, type[Station]] = {
    screen.NAME: screen
    for screen in (Overview, Wave, Runbook, QuarantineScreen, PlanScreen, Log, DriftScreen, ProofScreen)
}
