"""When, on people's own clocks: schedules, local hours and calendar periods. Imports no Django, reads no clock."""
