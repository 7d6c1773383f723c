"""Deutsch für Sätze, die fertig aus dem Rechenprozess oder aus einem Thread kommen: {0}, {1} … sind ihre Werte."""

from __future__ import annotations

_PHOTOS = {
    "A field of view of {0} degrees is not possible.": "Ein Bildwinkel von {0} Grad ist nicht möglich.",
    "A focal length of {0} mm is not possible.": "Eine Brennweite von {0} mm ist nicht möglich.",
    "Both a focal length and a field of view are given.": "Brennweite und Bildwinkel sind beide angegeben.",
    "Check its permissions.": "Die Zugriffsrechte prüfen.",
    "Check its transparency: only the background may be transparent.":
        "Die Transparenz prüfen: Nur der Hintergrund darf transparent sein.",
    "Check that the masks keep the object and that all photos show the same object, or use other photos.":
        "Prüfen, ob die Masken das Objekt behalten und alle Fotos dasselbe Objekt zeigen, oder andere Fotos verwenden.",
    "Check the path, or choose the file again.": "Den Pfad prüfen oder die Datei noch einmal wählen.",
    "Choose the image files in it.": "Die Bilddateien darin wählen.",
    "Copy it again from the camera or choose another file.":
        "Noch einmal von der Kamera kopieren oder eine andere Datei wählen.",
    "Copy it again from the camera, or save it again as JPEG or PNG.":
        "Noch einmal von der Kamera kopieren, oder neu als JPEG oder PNG speichern.",
    "Export it as JPEG or PNG from your photo program.": "Im Fotoprogramm als JPEG oder PNG exportieren.",
    "Choose those that show the object from the most different sides.":
        "Die wählen, die das Objekt von den verschiedensten Seiten zeigen.",
    "Give a mask image for it (white where the object is), or a photo whose background is transparent.":
        "Eine Maske dafür angeben (weiß, wo das Objekt ist), oder ein Foto mit transparentem Hintergrund.",
    "Give an angle between {0} and {1} degrees; {2} is usual.":
        "Einen Winkel zwischen {0} und {1} Grad angeben; {2} ist üblich.",
    "Give a list with an angle in degrees for each photo.":
        "Eine Liste mit einem Winkel in Grad für jedes Foto angeben.",
    "Give one for each photo, in the same order, or none.":
        "Für jedes Foto einen angeben, in derselben Reihenfolge, oder keinen.",
    "Give three numbers, the direction of the sky in the camera's axes, or leave it out.":
        "Drei Zahlen angeben, die Richtung des Himmels in den Achsen der Kamera, oder sie weglassen.",
    "The direction up of {0} in {1} is no unit vector: {2}.":
        "Die Richtung up von {0} in {1} ist kein Einheitsvektor: {2}.",
    "There are {0} tilts for {1} photos.": "Es gibt {0} Neigungen für {1} Fotos.",
    "Give one mask for each photo, in the same order, or none.":
        "Für jedes Foto eine Maske angeben, in derselben Reihenfolge, oder keine.",
    "Give one of them.": "Eines davon angeben.",
    "Give the 35 mm equivalent, for example 26 for a phone's main camera.":
        "Die auf Kleinbild umgerechnete Brennweite angeben, etwa 26 für die Hauptkamera eines Telefons.",
    "Give two to eight photos of one object.": "Zwei bis acht Fotos eines Objekts angeben.",
    "Make the mask in the shape of the photo.": "Die Maske im Format des Fotos anlegen.",
    "No object was found in {0}.": "In {0} wurde kein Objekt gefunden.",
    "Of {0} photos the {1} that differ most were used: {2}.":
        "Von {0} Fotos wurden die {1} verschiedensten verwendet: {2}.",
    "One photo gives a shape but no other cameras: add photos from other sides for a better shape.":
        "Ein Foto ergibt eine Form, aber keine anderen Kameras: Fotos von anderen Seiten ergeben eine bessere Form.",
    "Paint the object white and the rest black in its mask {0}.":
        "In der Maske {0} das Objekt weiß und den Rest schwarz malen.",
    "Remove one of them: each photo must show the object from another side.":
        "Eines davon entfernen: Jedes Foto muss das Objekt von einer anderen Seite zeigen.",
    "Save a smaller version of it.": "Eine kleinere Fassung davon speichern.",
    "Save it again as JPEG or PNG (WebP, TIFF and HEIC are read too), or choose another file.":
        "Neu als JPEG oder PNG speichern (auch WebP, TIFF und HEIC werden gelesen), oder eine andere Datei wählen.",
    "Save it as JPEG, or install pillow-heif.": "Als JPEG speichern, oder pillow-heif installieren.",
    "Save it with 8 or 16 bits a channel.": "Mit 8 oder 16 Bit je Kanal speichern.",
    "Save the frame you want as JPEG or PNG.": "Das gewünschte Bild daraus als JPEG oder PNG speichern.",
    "The background of {0} is not transparent.": "Der Hintergrund von {0} ist nicht transparent.",
    "The image {0} cannot be read: {1}.": "Das Bild {0} kann nicht gelesen werden: {1}.",
    "The image {0} does not exist.": "Das Bild {0} gibt es nicht.",
    "The mask {0} has {1} × {2} pixels, its photo {3} × {4}.":
        "Die Maske {0} hat {1} × {2} Pixel, ihr Foto {3} × {4}.",
    "The model found no surface in these photos.": "Das Modell fand in diesen Fotos keine Oberfläche.",
    "The object fills {0}, no background is left around it.":
        "Das Objekt füllt {0} ganz aus, ringsum bleibt kein Hintergrund.",
    "The object in {0} is cut off at the edge of the photo: its pose will be less sure.":
        "Das Objekt in {0} ist am Rand des Fotos abgeschnitten: Die Kamera wird dort weniger sicher.",
    "The object in {0} is hard to tell from its background: a mask image would help.":
        "Das Objekt in {0} ist kaum vom Hintergrund zu unterscheiden: Eine Maske würde helfen.",
    "There are no photos.": "Es gibt keine Fotos.",
    "There are {0} masks for {1} photos.": "Es gibt {0} Masken für {1} Fotos.",
    "There are {0} photos, more than {1}.": "Es sind {0} Fotos, mehr als {1}.",
    "There is no background mode {0}.": "Eine Art {0}, den Hintergrund zu entfernen, gibt es nicht.",
    "There is no photo to reconstruct from.": "Es gibt kein Foto, aus dem rekonstruiert werden kann.",
    "Use an image of at least {0} pixels on each side.": "Ein Bild von mindestens {0} Pixeln je Seite verwenden.",
    "{0} and {1} are the same photo.": "{0} und {1} sind dasselbe Foto.",
    "{0} cannot be shown behind its camera: Blender does not read such files.":
        "{0} kann nicht hinter seiner Kamera gezeigt werden: Solche Dateien liest Blender nicht.",
    "{0} cannot be shown behind its camera: {1}.": "{0} kann nicht hinter seiner Kamera gezeigt werden: {1}.",
    "{0} has floating-point pixels.": "{0} hat Gleitkomma-Pixel.",
    "{0} has more than {1} million pixels.": "{0} hat mehr als {1} Millionen Pixel.",
    "{0} has only {1} × {2} pixels.": "{0} hat nur {1} × {2} Pixel.",
    "{0} has pixels that are not square ({1} to 1), which a camera in Blender cannot have of its own: this one matches "
    "the photo across, not up and down.":
        "{0} hat Pixel, die nicht quadratisch sind ({1} zu 1), was eine einzelne Kamera in Blender nicht kann: Diese "
        "passt quer zum Foto, nicht von oben nach unten.",
    "{0} has {1} frames, an animation is not a photo.": "{0} hat {1} Bilder, eine Animation ist kein Foto.",
    "{0} is a HEIC photo, and the package pillow-heif is not installed.":
        "{0} ist ein HEIC-Foto, und das Paket pillow-heif ist nicht installiert.",
    "{0} is a folder, not an image.": "{0} ist ein Ordner, kein Bild.",
    "{0} is a folder.": "{0} ist ein Ordner.",
    "Give the path of a file.": "Den Pfad einer Datei angeben.",
    "{0} is a raw camera file.": "{0} ist eine Raw-Datei der Kamera.",
    "{0} is damaged or incomplete ({1}).": "{0} ist beschädigt oder unvollständig ({1}).",
    "{0} is empty (0 bytes).": "{0} ist leer (0 Byte).",
    "{0} is not an image in a known format.": "{0} ist kein Bild in einem bekannten Format.",
}

_OPTIONS = {
    "Add one whose \"file\" is this name.": "Einen hinzufügen, dessen „file“ so heißt.",
    "Both fov and focal_35mm are given.": "Sowohl fov als auch focal_35mm ist angegeben.",
    "Choose one of {0}.": "Eines davon wählen: {0}.",
    "Choose one of: auto, {0}.": "Eines davon wählen: auto, {0}.",
    "Choose one of: {0}.": "Eines davon wählen: {0}.",
    "Create it, or choose another folder.": "Ihn anlegen oder einen anderen Ordner wählen.",
    "Give a file in the form of cameras.json, with width, height, fx, fy, cx, cy in pixels for each photo.":
        "Eine Datei wie cameras.json angeben, mit width, height, fx, fy, cx, cy in Pixeln für jedes Foto.",
    "Give a list of files.": "Eine Liste von Dateien angeben.",
    "Give a number between {0} and {1}.": "Eine Zahl zwischen {0} und {1} angeben.",
    "Give a whole number from {0} to {1}.": "Eine ganze Zahl von {0} bis {1} angeben.",
    "Give one of them: each decides the focal length.": "Eines davon angeben: Jedes bestimmt die Brennweite.",
    "Give the intrinsics of this photo, turned as it is shown.":
        "Die Kamerawerte dieses Fotos angeben, gedreht, wie es gezeigt wird.",
    "Give true or false.": "Hier steht true oder false.",
    "Leave out one of the two.": "Eines der beiden weglassen.",
    "The folder of {0} does not exist.": "Den Ordner von {0} gibt es nicht.",
    "The intrinsics file {0} cannot be read: {1}.": "Die Datei {0} mit Kamerawerten kann nicht gelesen werden: {1}.",
    "The intrinsics file {0} has no entry for {1}.": "Die Datei {0} mit Kamerawerten hat keinen Eintrag für {1}.",
    "The intrinsics file {0} has no valid value for {1}.":
        "Die Datei {0} mit Kamerawerten hat keinen gültigen Wert für {1}.",
    "The intrinsics of {0} are for {1} × {2} pixels, but the upright photo has {3} × {4}.":
        "Die Kamerawerte von {0} gelten für {1} × {2} Pixel, das aufrechte Foto hat aber {3} × {4}.",
    "The intrinsics of {0} in {1} are not a camera: {2}.": "Die Werte von {0} in {1} sind keine Kamera: {2}.",
    "The mesh {0} cannot be written when only poses are wanted.":
        "Die Masche {0} kann nicht geschrieben werden, wenn nur Kameras gewünscht sind.",
    "The cameras {0} have an unknown ending.": "Die Kameras {0} haben eine unbekannte Endung.",
    "{0} is given as {1} and as {2}.": "{0} ist als {1} und als {2} angegeben.",
    "Give each file a name of its own.": "Jeder Datei einen eigenen Namen geben.",
    "Use {0}.": "{0} verwenden.",
    "The mesh {0} has an unknown ending.": "Die Masche {0} hat eine unbekannte Endung.",
    "The option {0} is {1}.": "Die Option {0} ist {1}.",
    "The options are {0}.": "Die Optionen sind {0}.",
    "The request names no output file.": "Der Auftrag nennt keine Ausgabedatei.",
    "The request names no output folder.": "Der Auftrag nennt keinen Ausgabeordner.",
    "The worker cannot do {0}.": "Der Rechenprozess kennt {0} nicht.",
    "The worker did not understand {0}: {1}.": "Der Rechenprozess hat {0} nicht verstanden: {1}.",
    "The {0} {1} is unknown.": "{0} {1} ist unbekannt.",
    "There is no option {0}.": "Eine Option {0} gibt es nicht.",
    "There is no quality {0}.": "Eine Qualität {0} gibt es nicht.",
    "Use one of {0}.": "Eines davon verwenden: {0}.",
}

_WEIGHTS = {
    "Choose an existing file.": "Eine vorhandene Datei wählen.",
    "Copy or download the file again.": "Die Datei noch einmal kopieren oder herunterladen.",
    "Install the extension again.": "Die Erweiterung neu installieren.",
    "The extension's weights {0} are damaged.": "Die Gewichtungen {0} der Erweiterung sind beschädigt.",
    "The extension's weights {0} are missing.": "Die Gewichtungen {0} der Erweiterung fehlen.",
    "The extension's weights {0} cannot be verified: {1}.":
        "Die Gewichtungen {0} der Erweiterung können nicht geprüft werden: {1}.",
    "The file {0} is not a safetensors file.": "Die Datei {0} ist keine safetensors-Datei.",
    "The model configuration has no meaning for {0}.": "Die Modellkonfiguration kennt {0} nicht.",
    "The model configuration has sizes that do not fit each other.":
        "Die Modellkonfiguration hat Größen, die nicht zueinander passen.",
    "The model configuration says {0} = {1}, not a {2}.":
        "Die Modellkonfiguration nennt {0} = {1}, was kein {2} ist.",
    "The model configuration says {0} = {1}, which no model has.":
        "Die Modellkonfiguration nennt {0} = {1}, was kein Modell hat.",
    "The weights file {0} belongs to another program.": "Die Gewichtungen {0} gehören zu einem anderen Programm.",
    "The weights file {0} cannot be read: {1}.": "Die Gewichtungen {0} können nicht gelesen werden: {1}.",
    "The weights file {0} describes the tensor {1} in a way that cannot be.":
        "Die Gewichtungen {0} beschreiben den Tensor {1} in unmöglicher Weise.",
    "The weights file {0} has a damaged header.": "Der Kopf der Gewichtungen {0} ist beschädigt.",
    "The weights file {0} has a tensor {1} that the model does not know.":
        "Die Gewichtungen {0} haben einen Tensor {1}, den das Modell nicht kennt.",
    "The weights file {0} has tensors that overlap or leave gaps.":
        "Die Tensoren der Gewichtungen {0} überlappen sich oder lassen Lücken.",
    "The weights file {0} has the tensor {1} in the shape {2}, where the model needs {3}.":
        "Der Tensor {1} der Gewichtungen {0} hat die Form {2}, das Modell braucht {3}.",
    "The weights file {0} has values in {1} that are not numbers.":
        "Die Gewichtungen {0} haben in {1} Werte, die keine Zahlen sind.",
    "The weights file {0} has {1} GB, more than any model of this project.":
        "Die Gewichtungen {0} haben {1} GB, mehr als jedes Modell dieses Projekts.",
    "The weights file {0} is not usable: {1}": "Die Gewichtungen {0} sind nicht brauchbar: {1}",
    "The weights file {0} is truncated within its header.": "Die Gewichtungen {0} brechen in ihrem Kopf ab.",
    "The weights file {0} lacks the tensor {1}.": "Den Gewichtungen {0} fehlt der Tensor {1}.",
    "The weights file {0} promises {1} layers but has {2} tensors.":
        "Die Gewichtungen {0} versprechen {1} Schichten, haben aber {2} Tensoren.",
    "The weights file {0} was written by another version of this project.":
        "Die Gewichtungen {0} stammen von einer anderen Version dieses Projekts.",
    "The weights file {0} {1}: {2} bytes expected, {3} found.":
        "Die Datei {0} mit Gewichtungen {1}: {2} Byte erwartet, {3} gefunden.",
    "The weights {0} are broken; install the extension again.":
        "Die Gewichtungen {0} sind defekt; die Erweiterung neu installieren.",
    "The weights {0} do not exist.": "Die Gewichtungen {0} gibt es nicht.",
    "There are no weights in {0}; install the extension again.":
        "In {0} sind keine Gewichtungen; die Erweiterung neu installieren.",
    "Use weights that were made for this version.": "Gewichtungen verwenden, die zu dieser Version gehören.",
    "Use weights that were trained with this project, or leave the choice empty to use the bundled ones.":
        "Gewichtungen verwenden, die mit diesem Projekt trainiert wurden, oder das Feld leeren, um die mitgelieferten "
        "zu verwenden.",
    "has bytes that belong to no tensor": "hat Bytes, die zu keinem Tensor gehören",
    "is truncated": "ist abgeschnitten",
    "{0} (broken)": "{0} (defekt)",
    "{0} (missing)": "{0} (fehlt)",
}

_RUN = {
    "A library of the runtime cannot be loaded: {0}.": "Eine Bibliothek der Umgebung kann nicht geladen werden: {0}.",
    "An unexpected {0} stopped the run: {1}.": "Ein unerwarteter Fehler ({0}) hat den Lauf beendet: {1}.",
    "Check that the folder exists and may be used.": "Prüfen, ob es den Ordner gibt und er benutzt werden darf.",
    "Choose Draft quality or the CPU as device, use fewer photos, or close other programs.":
        "Die Qualität „Entwurf“ oder die CPU als Gerät wählen, weniger Fotos verwenden oder andere Programme "
        "schließen.",
    "Choose Draft quality, use fewer photos, or close other programs.":
        "Die Qualität „Entwurf“ wählen, weniger Fotos verwenden oder andere Programme schließen.",
    "Choose the CPU as device, or update the graphics driver.":
        "Die CPU als Gerät wählen, oder den Grafiktreiber aktualisieren.",
    "Free some space on that disk, or choose a folder on another one.":
        "Auf diesem Laufwerk Platz schaffen, oder einen Ordner auf einem anderen wählen.",
    "Install the packages again from the add-on's preferences.":
        "Die Pakete in den Einstellungen der Erweiterung neu installieren.",
    "Neither pymcubes nor scikit-image is installed, and a mesh needs one of them.":
        "Weder pymcubes noch scikit-image ist installiert, und eine Masche braucht eines davon.",
    "Open the preferences of PF-LRM and repair the runtime, or choose another Python with the packages it needs.":
        "In den Einstellungen von PF-LRM die Umgebung reparieren, oder ein anderes Python mit den nötigen Paketen "
        "wählen.",
    "The graphics device failed: {0}.": "Das Grafikgerät hat versagt: {0}.",
    "The mesh had faces without an area; they were left out.":
        "Die Masche hatte Flächen ohne Ausdehnung; sie wurden weggelassen.",
    "The package {0} cannot be loaded: {1}.": "Das Paket {0} kann nicht geladen werden: {1}.",
    "The result could not be put into the scene: {0}": "Das Ergebnis konnte nicht in die Szene gesetzt werden: {0}",
    "The result {0} cannot be read: {1}": "Das Ergebnis {0} kann nicht gelesen werden: {1}",
    "The worker crashed (exit code {0}).": "Der Rechenprozess ist abgestürzt (Exit-Code {0}).",
    "The worker gave no sign of life for {0} s and was ended.":
        "Der Rechenprozess gab {0} s lang kein Lebenszeichen und wurde beendet.",
    "The worker stopped with exit code {0}: the process was ended by the system, most often for lack of memory.":
        "Der Rechenprozess endete mit Exit-Code {0}: Das System hat ihn beendet, meist aus Mangel an Speicher.",
    "There is no space left on the disk to write {0}.": "Auf dem Laufwerk ist kein Platz mehr, um {0} zu schreiben.",
    "There is too little memory for this request: {0}.": "Für diesen Auftrag reicht der Speicher nicht: {0}.",
    "This machine's torch has no device {0}.": "Das torch dieses Rechners hat kein Gerät {0}.",
    "Try again, on the CPU if it happens again; then copy the report and open an issue with it.":
        "Noch einmal versuchen, beim nächsten Mal auf der CPU; dann den Bericht kopieren und damit eine Meldung "
        "eröffnen.",
    "Try again; if it happens again, copy the report and open an issue with it.":
        "Noch einmal versuchen; wenn es wieder geschieht, den Bericht kopieren und damit eine Meldung eröffnen.",
    "a file": "eine Datei",
    "that is needed": "für den Lauf",
    "{0} cannot be read or written: {1}.": "{0} kann nicht gelesen oder geschrieben werden: {1}.",
}

_ENVIRONMENT = {
    "AMD graphics cards (ROCm 7.2)": "Grafikkarten von AMD (ROCm 7.2)",
    "AMD's {0} is none of the graphics chips that torch supports.":
        "{0} von AMD ist keiner der Grafikchips, die torch unterstützt.",
    "Apple's graphics processors (Metal)": "Apples Grafikprozessoren (Metal)",
    "Intel Arc graphics cards": "Grafikkarten Intel Arc",
    "NVIDIA graphics cards (CUDA 12.6)": "Grafikkarten von NVIDIA (CUDA 12.6)",
    "NVIDIA graphics cards (CUDA 13)": "Grafikkarten von NVIDIA (CUDA 13)",
    "A graphics card by AMD ({0}) was found.": "Eine Grafikkarte von AMD ({0}) wurde gefunden.",
    "A package is not the one that this version was made with; nothing was installed.":
        "Ein Paket ist nicht das, mit dem diese Version gemacht wurde; es wurde nichts installiert.",
    "The package {0} is not the one that this version was made with; nothing was installed.":
        "Das Paket {0} ist nicht das, mit dem diese Version gemacht wurde; es wurde nichts installiert.",
    "Use a folder with the original wheels, or tell who made this one.":
        "Einen Ordner mit den ursprünglichen Wheels verwenden, oder den benachrichtigen, der diesen gemacht hat.",
    "Use an index that offers the original files, or tell its administrator.":
        "Einen Index mit den ursprünglichen Dateien verwenden, oder dessen Administrator benachrichtigen.",
    "A step of the set-up failed: {0}": "Ein Schritt des Einrichtens ist misslungen: {0}",
    "An unexpected {0} stopped the set-up: {1}": "Ein unerwarteter Fehler ({0}) hat das Einrichten beendet: {1}",
    "Another Blender is setting up {0} just now.": "Ein anderes Blender richtet gerade {0} ein.",
    "Blender's own Python {0}": "Blenders eigenes Python {0}",
    "Device: {0} ({1}{2})": "Gerät: {0} ({1}{2})",
    "Download: none, all is in {0}": "Download: keiner, alles ist in {0}",
    "Download: {0} from PyPI": "Download: {0} von PyPI",
    "Download: {0} from PyPI and {1}": "Download: {0} von PyPI und {1}",
    "Folder: {0} ({1})": "Ordner: {0} ({1})",
    "It cannot be started: {0}.": "Es kann nicht gestartet werden: {0}.",
    "It failed with exit code {0}: {1}": "Es endete mit Exit-Code {0}: {1}",
    "It gave no answer within {0} s.": "Es gab {0} s lang keine Antwort.",
    "It is your choice.": "So ist es gewählt.",
    "Made with: {0}": "Gemacht mit: {0}",
    "Name a Python {0} with venv and pip.": "Ein Python {0} mit venv und pip nennen.",
    "Name a Python {0}, or leave the field empty.": "Ein Python {0} nennen, oder das Feld leer lassen.",
    "Neither pymcubes nor scikit-image can be loaded.": "Weder pymcubes noch scikit-image lässt sich laden.",
    "No Python {0} was found to set up with.": "Zum Einrichten wurde kein Python {0} gefunden.",
    "No graphics card was found that PyTorch can use.":
        "Es wurde keine Grafikkarte gefunden, die PyTorch verwenden kann.",
    "PyTorch {0} for {1}. {2}": "PyTorch {0} für {1}. {2}",
    "PyTorch {0}, as in the folder of wheels": "PyTorch {0}, aus dem Ordner mit Wheels",
    "Python {0} at {1}": "Python {0} in {1}",
    "Python {0} is older than {1}.": "Python {0} ist älter als {1}.",
    "Python {0}, torch {1}": "Python {0}, torch {1}",
    "The Python {0} cannot be started: {1}.": "Das Python {0} kann nicht gestartet werden: {1}.",
    "The Python {0} cannot be used to set up: {1}.": "Mit dem Python {0} lässt sich nicht einrichten: {1}.",
    "The Python {0} did not start the worker (exit code {1}).":
        "Das Python {0} hat den Rechenprozess nicht gestartet (Exit-Code {1}).",
    "The Python {0} does not exist.": "Das Python {0} gibt es nicht.",
    "The Python {0}, named in {1}, does not exist.": "Das Python {0}, genannt in {1}, gibt es nicht.",
    "The device {0} does not compute: {1}": "Das Gerät {0} rechnet nicht: {1}",
    "The driver {0} of {1} is too old: update it to {2} or newer.":
        "Der Treiber {0} von {1} ist zu alt: auf {2} oder neuer aktualisieren.",
    "The environment {0} cannot be removed: {1}.": "Die Umgebung {0} kann nicht entfernt werden: {1}.",
    "The folder of wheels {0} does not exist.": "Den Ordner mit Wheels {0} gibt es nicht.",
    "The new environment could not be put in its place, {0}: {1}.":
        "Die neue Umgebung konnte nicht an ihren Platz {0} gesetzt werden: {1}.",
    "The new environment does not work: {0}": "Die neue Umgebung läuft nicht: {0}",
    "The package {0} is missing in the folder of wheels for this Python and system.":
        "Das Paket {0} fehlt im Ordner mit Wheels für dieses Python und System.",
    "The package {0} is missing on the index for this Python and system.":
        "Das Paket {0} fehlt im Index für dieses Python und System.",
    "The path {0} is too long for Windows to hold torch below it.":
        "Der Pfad {0} ist so lang, dass Windows darunter keinen Platz für torch hat.",
    "The set-up needs {0} on the disk of {1}, where {2} are free.":
        "Das Einrichten braucht {0} auf dem Laufwerk von {1}, wo {2} frei sind.",
    "There is no environment by PF-LRM in {0}.": "In {0} ist keine Umgebung von PF-LRM.",
    "There is no ready-made torch {0} for {1} on {2}.": "Für {1} auf {2} gibt es kein fertiges torch {0}.",
    "There is no variant {0} for {1}.": "Eine Variante {0} für {1} gibt es nicht.",
    "There is no wheel of torch {0} in {1}.": "In {1} ist kein Wheel von torch {0}.",
    "This is a Mac with Apple's processor.": "Dies ist ein Mac mit Apples Prozessor.",
    "{0} cannot be loaded: {1}": "{0} kann nicht geladen werden: {1}",
    "{0} cannot be started: {1}.": "{0} kann nicht gestartet werden: {1}.",
    "{0} is missing.": "{0} fehlt.",
    "{0} is older than what torch {1} supports.": "{0} ist älter, als torch {1} unterstützt.",
    "{0} is there already and was not made by PF-LRM.": "{0} gibt es schon und stammt nicht von PF-LRM.",
    "{0} made no environment.": "{0} hat keine Umgebung angelegt.",
    "{0} was found, with driver {1}.": "{0} wurde gefunden, mit Treiber {1}.",
    "{0} was found.": "{0} wurde gefunden.",
    "it does not answer": "es antwortet nicht",
    "it has neither the module ensurepip nor a recent pip": "es hat weder das Modul ensurepip noch ein neueres pip",
    "it has no module venv": "es hat kein Modul venv",
    "it is Python {0}": "es ist Python {0}",
    "missing": "fehlt",
    "the environment variable {0}": "der Umgebungsvariablen {0}",
    "the preferences": "den Einstellungen",
    "the processor": "den Prozessor",
    "unknown": "unbekannt",
}

MESSAGES = {
    ("*", message): german for message, german in (_PHOTOS | _OPTIONS | _WEIGHTS | _RUN | _ENVIRONMENT).items()
}
