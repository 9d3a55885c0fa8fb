#!/usr/bin/python3
"""What a program with python3-dbus looks like: starts a VM, says what signals tell of it until it runs, and pauses it."""
import sys

import dbus
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

NAME, ROOT = "org.lifecycled.Lifecycle1", "/org/lifecycled/Lifecycle1"

DBusGMainLoop(set_as_default=True)
bus = dbus.bus.BusConnection(sys.argv[1])
manager = dbus.Interface(bus.get_object(NAME, ROOT), f"{NAME}.Manager")
web = bus.get_object(NAME, manager.Get("web"))
loop = GLib.MainLoop()


def state_changed(sequence, life, old, new, cause):
    print("signal", old, "->", new)
    if new == "running":
        loop.quit()


web.connect_to_signal("StateChanged", state_changed, dbus_interface=f"{NAME}.VM")
web.Start(0, {}, dbus_interface=f"{NAME}.VM")
loop.run()
vm = web.GetAll(f"{NAME}.VM", dbus_interface="org.freedesktop.DBus.Properties")
print("property", vm["State"], vm["Substate"], len(vm["VcpuStates"]))
web.Pause(vm["Life"], {}, dbus_interface=f"{NAME}.VM")
print("wait", *web.WaitState(vm["Life"], ["paused"], 20000, {}, dbus_interface=f"{NAME}.VM")[2:4])
try:
    web.Pause(vm["Life"] + 1000000, {}, dbus_interface=f"{NAME}.VM")
except dbus.DBusException as e:
    print("error", e.get_dbus_name())
