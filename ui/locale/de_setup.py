"""Deutsch für das Einrichten: die Umgebung, in der gerechnet wird."""

from __future__ import annotations

_OPERATORS = {
    "Cancel Set-Up": "Einrichten abbrechen",
    "Open Preferences": "Einstellungen öffnen",
    "Remove Environment…": "Umgebung entfernen…",
    "Remove…": "Entfernen…",
    "Repair…": "Reparieren…",
    "Set Up Again…": "Neu einrichten…",
    "Set Up…": "Einrichten…",
    "Show Log": "Protokoll zeigen",
    "Update…": "Aktualisieren…",
}

_WORDS = {
    "(no download)": "(kein Download)",
    "({size} download)": "({size} Download)",
    "AMD": "AMD",
    "Apple": "Apple",
    "Download and Set Up": "Herunterladen und einrichten",
    "Found {python}": "Gefunden: {python}",
    "Intel Arc": "Intel Arc",
    "Looking…": "Wird gesucht…",
    "NVIDIA": "NVIDIA",
    "Remove the environment?": "Die Umgebung entfernen?",
    "Set Up": "Einrichten",
    "Set Up For": "Einrichten für",
    "Set Up In": "Einrichten in",
    "Set Up PF-LRM": "PF-LRM einrichten",
    "Set Up With": "Einrichten mit",
    "Use Existing Python": "Vorhandenes Python",
    "Wheel Folder": "Wheel-Ordner",
}

_STAGES = {
    "Checking": "Wird geprüft",
    "Compiling": "Wird übersetzt",
    "Downloading": "Wird heruntergeladen",
    "Installing": "Wird installiert",
    "Making the environment": "Umgebung anlegen",
    "Waiting for the run to end": "Wartet auf das Ende des Laufs",
}

_TOOLTIPS = {
    "A Python 3.11 to 3.13 from which Set Up makes the environment. Empty: Blender's own, or one that is found":
        "Ein Python 3.11 bis 3.13, mit dem die Umgebung eingerichtet wird. Leer: Blenders eigenes, oder eines, das "
        "gefunden wird",
    "A Python program, or the folder of a virtual or conda environment, that has torch. Empty: the environment "
    "variable PFLRM_PYTHON, what Set Up has made, or Blender's own Python if it has torch":
        "Ein Python-Programm oder der Ordner einer virtuellen oder conda-Umgebung mit torch. Leer: die "
        "Umgebungsvariable PFLRM_PYTHON, die eingerichtete Umgebung, oder Blenders eigenes Python, wenn es torch hat",
    "A folder below which Set Up makes the environment, for example on another disk. Empty: the user's own folder of "
    "this extension":
        "Ein Ordner, unter dem die Umgebung eingerichtet wird, etwa auf einem anderen Laufwerk. Leer: der eigene "
        "Ordner des Benutzers für diese Erweiterung",
    "A folder of wheels from which Set Up installs without a network":
        "Ein Ordner mit Wheels, aus denen ohne Netzwerk eingerichtet wird",
    "A graphics card by Intel": "Eine Grafikkarte von Intel",
    "Ask the chosen Python which packages and devices it has, and check the weights. Takes a few seconds":
        "Das gewählte Python fragen, welche Pakete und Geräte es hat, und die Gewichtungen prüfen. Dauert einige "
        "Sekunden",
    "By the graphics card that is found": "Nach der Grafikkarte, die gefunden wird",
    "CUDA, of the version that the driver knows": "CUDA, in der Version, die der Treiber kennt",
    "Delete the environment that PF-LRM has made, to free the disk. Results and scenes stay":
        "Die von PF-LRM eingerichtete Umgebung löschen, um Platz zu schaffen. Ergebnisse und Szenen bleiben",
    "End the set-up, and delete what it has made and downloaded so far":
        "Das Einrichten beenden und löschen, was bisher angelegt und heruntergeladen wurde",
    "Intel's graphics cards": "Die Grafikkarten von Intel",
    "Make the Python environment that PF-LRM computes in, or make it anew. Asks first; goes on in the background":
        "Die Python-Umgebung anlegen, in der PF-LRM rechnet, oder neu anlegen. Fragt zuerst; läuft im Hintergrund",
    "Metal, on Macs with Apple's processors": "Metal, auf Macs mit Apples Prozessoren",
    "Open the log of the last set-up in the system's text editor":
        "Das Protokoll des letzten Einrichtens im Texteditor des Systems öffnen",
    "Open the preferences of PF-LRM": "Die Einstellungen von PF-LRM öffnen",
    "ROCm, on Linux": "ROCm, unter Linux",
    "The build of PyTorch that Set Up installs": "Die Variante von PyTorch, die eingerichtet wird",
    "The smallest download, and always there": "Der kleinste Download, und immer da",
}

_SENTENCES = {
    "A set-up is already under way.": "Das Einrichten läuft bereits.",
    "A set-up is under way": "Das Einrichten läuft",
    "Blender's online access is off: allow it in Preferences → System → Network, or choose wheels.":
        "Blenders Onlinezugriff ist aus: in Einstellungen → System → Netzwerk erlauben, oder Wheels wählen.",
    "No photo and nothing else leaves this machine. You can go on working meanwhile.":
        "Kein Foto und nichts anderes verlässt diesen Rechner. Währenddessen lässt sich weiterarbeiten.",
    "No set-up is under way": "Es wird nichts eingerichtet",
    "PF-LRM computes in a Python of its own, beside Blender. Setting it up means:":
        "PF-LRM rechnet in einem eigenen Python neben Blender. Einrichten bedeutet:",
    "PF-LRM has made no environment here": "PF-LRM hat hier keine Umgebung eingerichtet",
    "PyTorch {there} is set up; this version of PF-LRM was made for {wanted}.":
        "PyTorch {there} ist eingerichtet; diese Version von PF-LRM ist für {wanted} gemacht.",
    "PF-LRM is set up.": "PF-LRM ist eingerichtet.",
    "Setting up needs a download, and Blender's online access is off.":
        "Das Einrichten braucht einen Download, und Blenders Onlinezugriff ist aus.",
    "The environment is in use": "Die Umgebung ist in Gebrauch",
    "The environment is in use.": "Die Umgebung ist in Gebrauch.",
    "The environment was removed": "Die Umgebung wurde entfernt",
    "The set-up was cancelled.": "Das Einrichten wurde abgebrochen.",
    "There is no log yet": "Es gibt noch kein Protokoll",
    "Use Existing Python or PFLRM_PYTHON names a Python, which would be used all the same":
        "„Vorhandenes Python“ oder PFLRM_PYTHON nennt ein Python, das trotzdem verwendet würde",
}

_FAILURES = {
    "The disk is full.": "Das Laufwerk ist voll.",
    "The packages could not be downloaded.": "Die Pakete konnten nicht heruntergeladen werden.",
    "The proxy refused the connection.": "Der Proxy hat die Verbindung abgelehnt.",
    "The server's certificate is not trusted.": "Dem Zertifikat des Servers wird nicht vertraut.",
}

_REMEDIES = {
    "Check the network and set up again: what was downloaded is kept. Behind a proxy set HTTPS_PROXY.":
        "Das Netzwerk prüfen und noch einmal einrichten: Heruntergeladenes bleibt erhalten. Hinter einem Proxy "
        "HTTPS_PROXY setzen.",
    "Choose a folder with a shorter path in the preferences.":
        "In den Einstellungen einen Ordner mit kürzerem Pfad wählen.",
    "Choose another Python in the preferences of PF-LRM, or install the packages into this one.":
        "In den Einstellungen von PF-LRM ein anderes Python wählen, oder die Pakete in dieses installieren.",
    "Choose another Python.": "Ein anderes Python wählen.",
    "Choose another, or none.": "Einen anderen wählen, oder keinen.",
    "Choose the folder with the wheels that belong to this version.":
        "Den Ordner mit den Wheels wählen, die zu dieser Version gehören.",
    "Click Set Up in the preferences of PF-LRM, name a Python that has torch there or in the environment variable "
    "PFLRM_PYTHON, or see `blender --command pflrm setup`.":
        "In den Einstellungen von PF-LRM auf „Einrichten“ klicken, dort oder in der Umgebungsvariablen PFLRM_PYTHON "
        "ein Python mit torch nennen, oder siehe `blender --command pflrm setup`.",
    "Close other windows of Blender, then remove it again.":
        "Andere Fenster von Blender schließen und noch einmal entfernen.",
    "Close other windows of Blender, then set up again.":
        "Andere Fenster von Blender schließen und noch einmal einrichten.",
    "If your network has a certificate of its own, name its file in the environment variable PIP_CERT.":
        "Hat das Netzwerk ein eigenes Zertifikat, dessen Datei in der Umgebungsvariablen PIP_CERT nennen.",
    "Install one from python.org, and choose it under Set Up With in the preferences of PF-LRM.":
        "Eines von python.org installieren und in den Einstellungen von PF-LRM unter „Einrichten mit“ wählen.",
    "Look at the log, and copy the report for an issue.":
        "Das Protokoll ansehen, und den Bericht für eine Meldung kopieren.",
    "Look at the log; another variant may work.":
        "Das Protokoll ansehen; eine andere Variante läuft vielleicht.",
    "Look whether the system is too old (macOS 14 and glibc 2.28 are the least), or use another Python.":
        "Prüfen, ob das System zu alt ist (nötig sind mindestens macOS 14 oder glibc 2.28), oder ein anderes Python "
        "verwenden.",
    "Make room, or choose a folder on another disk in the preferences.":
        "Platz schaffen, oder in den Einstellungen einen Ordner auf einem anderen Laufwerk wählen.",
    "Move it away, or choose another folder in the preferences.":
        "Ihn verschieben, oder in den Einstellungen einen anderen Ordner wählen.",
    "Nothing could be compiled in advance. The first run will take longer.":
        "Im Voraus ließ sich nichts übersetzen. Der erste Lauf dauert länger.",
    "Set HTTPS_PROXY with name and password before Blender starts.":
        "Vor dem Start von Blender HTTPS_PROXY mit Name und Passwort setzen.",
    "Switch on Preferences → System → Network → Allow Online Access (or start Blender with --online-mode), or choose a "
    "folder of wheels for a set-up without a network.":
        "Einstellungen → System → Netzwerk → Onlinezugriff erlauben (oder Blender mit --online-mode starten), oder "
        "einen Ordner mit Wheels wählen, um ohne Netzwerk einzurichten.",
    "There is nothing to remove.": "Es gibt nichts zu entfernen.",
    "Use Existing Python can name a Python with a torch of your own.":
        "„Vorhandenes Python“ kann ein Python mit eigenem torch nennen.",
    "Wait for it to end.": "Bitte das Ende abwarten.",
    "Wait for the run or the set-up to end.": "Das Ende des Laufs oder des Einrichtens abwarten.",
}

MESSAGES = {("Operator", message): german for message, german in _OPERATORS.items()} | {
    ("*", message): german
    for message, german in (_WORDS | _STAGES | _TOOLTIPS | _SENTENCES | _FAILURES | _REMEDIES).items()
}
