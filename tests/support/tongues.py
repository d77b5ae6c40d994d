"""Short books of our own in several languages, and questions in other inflections than theirs."""

from collections.abc import Mapping

BOOKS: Mapping[str, str] = {
    "en": """The Night Ferry

The ferry leaves the harbour when the last lanterns are lit. The passengers stand at the rail and count the villages
on the other shore. Nobody speaks of the storms that have closed the crossing twice this winter, and the captain does
not ask who has paid. When the fog comes in, the bells of the two churches answer each other over the water.
""",
    "de": """Die Mühle am Wehr

In den alten Häusern am Fluss wohnten früher die Müller mit ihren Familien. Die Kinder kannten jeden Baum, und wenn
im Frühjahr das Wasser stieg, halfen sie den Nachbarn, die Bücher und Möbel auf den Dachboden zu tragen. Heute stehen
die meisten Räume leer, aber der alte Bäcker erzählt noch immer von den Städten, die er als Geselle gesehen hat.
""",
    "fr": """Les chevaux de l'île

Chaque matin, les vieux pêcheurs descendaient vers les quais, où leurs bateaux attendaient la marée. Les enfants
suivaient les chevaux qui tiraient les filets, et les églises sonnaient sur la colline. Personne n'oubliait les
tempêtes de l'hiver, quand les journaux n'arrivaient plus et que l'on racontait des histoires près du feu.
""",
    "es": """Las canciones del molino

Los molineros cantaban viejas canciones mientras las piedras giraban con el viento. Las mujeres llevaban los panes a
las ciudades vecinas, y los niños aprendían a leer con los libros que un maestro había dejado en la cocina. Cuando
llegaban las lluvias, todos los caminos se cerraban y las noches se hacían más largas.
""",
    "pl": """Biblioteka nad rzeką

W starych domach nad rzeką mieszkali kiedyś rybacy, którzy naprawiali sieci i opowiadali dzieciom o burzach. Najstarszy
z nich miał książki po swoim ojcu i czytał je wieczorami przy lampie. Teraz drzewa zasłaniają okna, a na dworze słychać
tylko ptaki, które wracają tu każdej wiosny z dalekich krajów.
""",
    "ru": """Библиотека у реки

В старых домах у реки когда-то жили рыбаки, которые чинили сети и рассказывали детям о бурях. Самый старший из них
хранил книги своего отца и читал их вечерами при лампе. Теперь деревья закрывают окна, и на дворе слышны только птицы,
которые возвращаются сюда каждой весной из далёких стран.
""",
    "zh": """河边的图书馆

老城区的河边有一座小小的图书馆，里面收藏着渔民留下来的旧书和地图。每天傍晚，孩子们放学以后都会到这里来看书，管理员就给他们讲台风和
海岛的故事。冬天下雪的时候，大家围着火炉喝茶，一直坐到很晚才回家。
""",
    "ja": """川のそばの図書館

古い町の川のそばに小さな図書館があります。漁師たちが残した本や地図がたくさん並んでいて、夕方になると子どもたちが集まってきました。
管理人は台風や島の話をしてくれます。冬に雪が降ると、みんなでストーブを囲んでお茶を飲みました。
""",
}

QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "en": ("passenger", "storm", "church bell", "counted village"),
    "de": ("Haus", "Stadt", "Familie", "Buch", "HAEUSER", "Mühlen", "das Haus der Müllers"),
    "fr": ("cheval", "église", "eglises", "pêcheur", "tempête", "racontait une histoire"),
    "es": ("canción", "niño", "libro", "cantar", "el camino y la noche"),
    "pl": ("książka", "rzeka", "drzewo", "ptak", "burza"),
    "ru": ("книга", "книгами", "дерево", "рыбак", "птица и река"),
    "zh": ("图书馆", "渔民", "台风的故事", "火炉", "书"),
    "ja": ("図書館で", "漁師", "台風", "ストーブ", "雪が降ると"),
}
"""Each finds the book of its language first."""
