"""Deutsch für das, was Schaltflächen und Eigenschaften tun, wenn der Mauszeiger auf ihnen ruht."""

from __future__ import annotations

_TOOLTIPS = {
    "35 mm equivalent, in millimetres": "Auf Kleinbild umgerechnet (35 mm), in Millimetern",
    "A file of weights in the safetensors format; empty uses the one that came along":
        "Eine Datei mit Gewichtungen im Format safetensors; leer verwendet die mitgelieferte",
    "A first look, in the shortest time": "Ein erster Eindruck, in der kürzesten Zeit",
    "A graphics card by NVIDIA or AMD": "Eine Grafikkarte von NVIDIA oder AMD",
    "About 20° above the horizon": "Etwa 20° über dem Horizont",
    "About 45° above the horizon": "Etwa 45° über dem Horizont",
    "About 70° above the horizon, nearly from the top": "Etwa 70° über dem Horizont, fast senkrecht von oben",
    "As the phone noted it in the photo, if it did": "Wie das Telefon es im Foto notiert hat, falls es das tat",
    "Across the longer side of the photos": "Über die längere Seite der Fotos",
    "Add a timeline marker for each photo behind those there are, so that the timeline switches between the cameras. "
    "From then on the markers say which camera a frame is rendered with":
        "Für jedes Foto hinter den vorhandenen eine Markierung in der Zeitleiste hinzufügen, sodass die Zeitleiste "
        "zwischen den Kameras wechselt. Von da an sagen die Markierungen, mit welcher Kamera ein Bild gerendert wird",
    "Add photos of the object to the list. The first photo is the reference: it shows the object from the front":
        "Fotos des Objekts zur Liste hinzufügen. Das erste Foto ist die Referenz: Es zeigt das Objekt von vorn",
    "Add the photos whose paths were copied as text, one a line, as file managers do with Copy Path":
        "Die Fotos hinzufügen, deren Pfade als Text kopiert wurden, einer je Zeile, wie Dateimanager es mit „Pfad "
        "kopieren“ tun",
    "An image of the photo's size that is white where the object is; without one the object is cut out by the photo's "
    "own transparency, or found by itself":
        "Ein Bild in der Größe des Fotos, weiß, wo das Objekt ist; ohne ein solches wird das Objekt nach der "
        "Transparenz des Fotos freigestellt oder von selbst gefunden",
    "At the middle of the world": "In der Mitte der Welt",
    "Choose what the brush does to the mask": "Wählen, was der Pinsel mit der Maske tut",
    "Colours of the vertices, without UV coordinates or an image": "Farben der Punkte, ohne UV-Koordinaten und Bild",
    "Copy versions, the runtime's state and the last message to the clipboard. Nothing is sent anywhere":
        "Versionen, den Zustand der Laufzeitumgebung und die letzte Meldung in die Zwischenablage kopieren. Nichts "
        "wird irgendwohin gesendet",
    "Delete this result: its cameras and its mesh. The photos' files stay":
        "Dieses Ergebnis löschen: seine Kameras und seine Masche. Die Dateien der Fotos bleiben",
    "Find out where the photos were taken from and build the object: a camera for each photo and a coloured mesh, in a "
    "new collection. Blender stays usable meanwhile; while another run is under way, this one waits its turn":
        "Herausfinden, von wo die Fotos aufgenommen wurden, und das Objekt bauen: eine Kamera für jedes Foto und eine "
        "farbige Masche, in einer neuen Sammlung. Blender bleibt währenddessen benutzbar; ist schon ein Lauf "
        "unterwegs, wartet dieser",
    "Find out where the photos were taken from and place a camera for each, in a new collection. Makes no mesh":
        "Herausfinden, von wo die Fotos aufgenommen wurden, und für jedes eine Kamera aufstellen, in einer neuen "
        "Sammlung. Erzeugt keine Masche",
    "From how high this photo was taken. Where the phone has not noted it, saying it makes cameras better":
        "Von wie weit oben dieses Foto aufgenommen wurde. Wo das Telefon es nicht notiert hat, macht die Angabe die "
        "Kameras besser",
    "From the side, about as high as the object": "Von der Seite, etwa so hoch wie das Objekt",
    "For most objects": "Für die meisten Objekte",
    "Give the field of view across the photos' longer side": "Den Bildwinkel über die längere Seite der Fotos angeben",
    "Give the focal length that a full-frame camera would need (35 mm equivalent)":
        "Die Brennweite angeben, die eine Kleinbildkamera bräuchte (35 mm)",
    "Give up the mask that is being painted for this photo, or else no longer use the one that was painted for it. "
    "Mask files stay where they are":
        "Die Maske aufgeben, die gerade für dieses Foto gemalt wird, oder sonst die dafür gemalte nicht mehr "
        "verwenden. Maskendateien bleiben, wo sie sind",
    "How long the search for the best cameras and shape may take":
        "Wie lange die Suche nach den besten Kameras und der besten Form dauern darf",
    "How many sets further; negative goes back": "Wie viele Sätze weiter; negativ geht zurück",
    "How much of its photo each camera shows over the scene":
        "Wie viel von ihrem Foto jede Kamera über der Szene zeigt",
    "How the mesh gets its colours": "Woher die Masche ihre Farben bekommt",
    "How the photos' lens is known": "Woher das Objektiv der Fotos bekannt ist",
    "Length of the object's longest side. Photos alone do not tell how large it is":
        "Länge der längsten Seite des Objekts. Fotos allein sagen nicht, wie groß es ist",
    "Length of the object's longest side. Scales the mesh and the cameras together":
        "Länge der längsten Seite des Objekts. Skaliert Masche und Kameras zusammen",
    "Look through the camera of a photo. It becomes the scene's camera, at its marker's frame if it has one":
        "Durch die Kamera eines Fotos schauen. Sie wird die Kamera der Szene, beim Bild ihrer Markierung, wenn es eine "
        "gibt",
    "Look through the camera of {photo}. It becomes the scene's camera.\nConfidence in its place: {share:.0%}":
        "Durch die Kamera von {photo} schauen. Sie wird die Kamera der Szene.\nSicherheit ihres Ortes: {share:.0%}",
    "Make this photo the reference: it will show the object from the front, and its camera is sure":
        "Dieses Foto zur Referenz machen: Es wird das Objekt von vorn zeigen, und seine Kamera ist sicher",
    "Minutes after a run until the memory is given back. Within that time the next run starts at once":
        "Minuten nach einem Lauf, bis der Speicher zurückgegeben wird. In dieser Zeit beginnt der nächste Lauf sofort",
    "Move this photo in the list. The first one is the reference":
        "Dieses Foto in der Liste verschieben. Das erste ist die Referenz",
    "Name of a camera of the result; empty takes the first one":
        "Name einer Kamera des Ergebnisses; leer nimmt die erste",
    "Name of a result; empty takes the one in front": "Name eines Ergebnisses; leer nimmt das vordere",
    "Paint the mask of this photo in an image editor: the object is kept, the rest is transparent":
        "Die Maske dieses Fotos in einem Bildeditor malen: Das Objekt bleibt, der Rest ist transparent",
    "Place in the list; -1 is the active photo": "Platz in der Liste; -1 ist das aktive Foto",
    "Project the photos onto the mesh, into an image of 1024 × 1024 pixels":
        "Die Fotos auf die Masche projizieren, in ein Bild von 1024 × 1024 Pixeln",
    "Project the photos onto the mesh, into an image of 2048 × 2048 pixels":
        "Die Fotos auf die Masche projizieren, in ein Bild von 2048 × 2048 Pixeln",
    "Project the photos onto the mesh, into an image of 4096 × 4096 pixels":
        "Die Fotos auf die Masche projizieren, in ein Bild von 4096 × 4096 Pixeln",
    "Put the object's lowest point on the floor of the world":
        "Den tiefsten Punkt des Objekts auf den Boden der Welt setzen",
    "Put the object's lowest point there; otherwise its middle":
        "Den tiefsten Punkt des Objekts dorthin setzen; sonst seine Mitte",
    "Put the photos and options that this result was made from back into the panel. Other photos are switched off":
        "Fotos und Optionen, aus denen dieses Ergebnis entstand, wieder ins Bedienfeld holen. Andere Fotos werden "
        "ausgeschaltet",
    "Read it from the photos' notes (EXIF); where none has any, Standard and Best look for it":
        "Aus den Notizen der Fotos lesen (EXIF); hat keines welche, suchen Standard und Beste danach",
    "Render at the size of the photo: of the scene's camera if it is a photo's, otherwise of the reference":
        "In der Größe des Fotos rendern: dessen der Szenenkamera, wenn sie zu einem Foto gehört, sonst der Referenz",
    "Searches longest and makes the finest mesh": "Sucht am längsten und erzeugt die feinste Masche",
    "Select this result and bring it into view. The panel shows its cameras":
        "Dieses Ergebnis auswählen und ins Blickfeld bringen. Das Bedienfeld zeigt seine Kameras",
    "Show how far the mesh misses the outlines: green lines where it fits, red ones where it is a twentieth of the "
    "object's size away or more":
        "Zeigen, wie weit die Masche die Umrisse verfehlt: grüne Linien, wo sie passt, rote, wo sie ein Zwanzigstel "
        "der Objektgröße oder mehr entfernt ist",
    "Show the colours of the photos on the mesh in this viewport's Solid mode":
        "Die Farben der Fotos auf der Masche zeigen, im Modus „Massiv“ dieses Ansichtsfensters",
    "Show the next set of cameras that explains the photos about as well. The mesh belongs to the first set":
        "Den nächsten Satz von Kameras zeigen, der die Fotos etwa so gut erklärt. Die Masche gehört zum ersten",
    "Show the outline of the object that was found in each photo, in the camera's frame":
        "Den Umriss des Objekts, der in jedem Foto gefunden wurde, im Rahmen der Kamera zeigen",
    "Show the surface that the network sees in each photo, as points: green where it is sure, red where it is not. The "
    "points of cameras that are right lie on one another":
        "Die Oberfläche, die das Netzwerk in jedem Foto sieht, als Punkte zeigen: grün, wo es sicher ist, rot, wo "
        "nicht. Die Punkte richtiger Kameras liegen aufeinander",
    "Hide the objects that this result stands inside, in the viewport and in renders. Nothing is deleted":
        "Die Objekte verbergen, in denen dieses Ergebnis steht, im Ansichtsfenster und beim Rendern. Nichts wird "
        "gelöscht",
    "Show this result and hide the other ones, in the viewport and in renders":
        "Dieses Ergebnis zeigen und die anderen verbergen, im Ansichtsfenster und beim Rendern",
    "Show where the object was found in this photo, and how its lens is known":
        "Zeigen, wo in diesem Foto das Objekt gefunden wurde und woher sein Objektiv bekannt ist",
    "Simplify the mesh to this many triangles at most, with a Decimate modifier; 0 keeps them all":
        "Die Masche auf höchstens so viele Dreiecke vereinfachen, mit einem Modifikator „Dezimieren“; 0 behält alle",
    "Stand this result beside the one in front, to compare the two; once more puts it back where it was":
        "Dieses Ergebnis neben das vordere stellen, um beide zu vergleichen; noch einmal stellt es zurück",
    "Stop the run within a second. The scene stays as it is; the next run in the queue begins":
        "Den Lauf innerhalb einer Sekunde anhalten. Die Szene bleibt, wie sie ist; der nächste Lauf der Warteschlange "
        "beginnt",
    "Take all photos off the list. Their files and earlier results stay":
        "Alle Fotos von der Liste nehmen. Ihre Dateien und frühere Ergebnisse bleiben",
    "Take all waiting runs out of the queue. The one that is under way goes on":
        "Alle wartenden Läufe aus der Warteschlange nehmen. Der laufende geht weiter",
    "Take this photo off the list. Its file stays where it is":
        "Dieses Foto von der Liste nehmen. Seine Datei bleibt, wo sie ist",
    "The CPU: slower, and always there": "Die CPU: langsamer, und immer da",
    "The best device that is there": "Das beste vorhandene Gerät",
    "The graphics processor of a Mac": "Der Grafikprozessor eines Macs",
    "The photo's file": "Die Datei des Fotos",
    "The result whose cameras are listed here": "Das Ergebnis, dessen Kameras hier stehen",
    "Tip the object and its cameras forwards by a quarter, about the world's X":
        "Das Objekt und seine Kameras um eine Vierteldrehung nach vorn kippen, um X der Welt",
    "Tip the object and its cameras sideways by a quarter, about the world's Y":
        "Das Objekt und seine Kameras um eine Vierteldrehung zur Seite kippen, um Y der Welt",
    "Towards the beginning": "Zum Anfang hin",
    "Towards the end": "Zum Ende hin",
    "Turn the object and its cameras on the floor by a quarter, about the world's Z":
        "Das Objekt und seine Kameras um eine Vierteldrehung auf dem Boden drehen, um Z der Welt",
    "Turn the object and its cameras by a quarter about an axis of the world, if another side should be up":
        "Das Objekt und seine Kameras um ein Viertel um eine Achse der Welt drehen, wenn eine andere Seite oben sein "
        "soll",
    "Use the painted mask of this photo from the next run on. It is written to a new file beside the .blend":
        "Die gemalte Maske dieses Fotos ab dem nächsten Lauf verwenden. Sie wird in eine neue Datei neben der .blend "
        "geschrieben",
    "Unsure cameras get better with more photos, and when you say from how high each was taken: click the line below "
    "its name.":
        "Unsichere Kameras werden besser mit mehr Fotos, und mit der Angabe, von wie weit oben jedes aufgenommen "
        "wurde: auf die Zeile unter seinem Namen klicken.",
    "Use this photo in the next run. The first one in use is the reference, with a star":
        "Dieses Foto im nächsten Lauf verwenden. Das erste verwendete ist die Referenz, mit Stern",
    "All that PF-LRM can do: with its photos, its runs and its results":
        "Alles, was PF-LRM kann: mit seinen Fotos, Läufen und Ergebnissen",
    "What can be done with the whole list": "Was sich mit der ganzen Liste tun lässt",
    "What can be done with the whole result": "Was sich mit dem ganzen Ergebnis tun lässt",
    "What can be done with this photo": "Was sich mit diesem Foto tun lässt",
    "What computes": "Was rechnet",
    "What the brush touches belongs to the object": "Was der Pinsel berührt, gehört zum Objekt",
    "What the brush touches is background": "Was der Pinsel berührt, ist Hintergrund",
    "What the last run found wrong with this photo": "Was der letzte Lauf an diesem Foto auszusetzen fand",
    "What the result will be called; empty takes the name of the photos' folder":
        "Wie das Ergebnis heißen wird; leer nimmt den Namen des Ordners der Fotos",
    "Where the 3D cursor is when the run starts": "Wo der 3D-Cursor ist, wenn der Lauf beginnt",
    "Where the object will stand": "Wo das Objekt stehen wird",
    "cut off at the edge": "am Rand abgeschnitten",
    "focal length not in its EXIF": "Brennweite nicht im EXIF",
    "looks down by {degrees:.0f}° by its phone": "laut Telefon um {degrees:.0f}° nach unten gerichtet",
    "focal length {millimetres:g} mm by its EXIF": "Brennweite {millimetres:g} mm laut EXIF",
    "hard to tell from its background": "kaum vom Hintergrund zu unterscheiden",
    "{facts}.\nClick to see it": "{facts}.\nKlicken, um es zu sehen",
    "Object cut out automatically, {share:.0%} of the picture":
        "Objekt von selbst freigestellt, {share:.0%} des Bildes",
    "Object cut out by its mask, {share:.0%} of the picture":
        "Objekt nach seiner Maske freigestellt, {share:.0%} des Bildes",
    "Object cut out by its transparency, {share:.0%} of the picture":
        "Objekt nach seiner Transparenz freigestellt, {share:.0%} des Bildes",
}

MESSAGES = {("*", message): german for message, german in _TOOLTIPS.items()}
