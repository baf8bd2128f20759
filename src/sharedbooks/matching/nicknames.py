"""Given names and what people make of them, in several languages."""

from sharedbooks.matching.text import fold_words

# A name in full (or its variants), and its short and pet forms; a space begins a continuation. A
# form may be one of several names.
_FORMS = """
abigail abby gail
abraham abram bram abe
agnieszka aga agnes
albert alberto bert bertie al
alejandra sandra ale
alejandro alessandro sandro ale alex
aleksandr alexander alexandre alex alec xander sander sandy sascha sasha sanya shura lex
aleksandra alexandra alex sandra sasha ola sandy lexi
aleksei aleksey alexei alyosha lyosha
alfred alfredo alf fred fredi
amanda mandy
anastasia anastasija nastya stacy
anatoly anatolij tolya
andreas andrea andi andy
andrei andrey andrej andrew andrzej andy drew andryusha
andre dede
angela angelika angie geli
anna anne ann hannah annie anja anya anouk nancy anni anneli aneta ania
anthony anton antonio antoine antonius tony toni tonio tonino nino ton tonda
antonia toni tonia
arthur art
barbara barb barbie babs bärbel basia babsi
bartholomew bartlomiej bartolomeo bart bartek
beatrice beatrix bea trixie
benedikt benedict ben bene dick
benjamin ben benny benji
bernhard bernard bernie bernd benno
birgit britta gitte biggi
boris borya
brigitte bridget gitti gitte biddy
carlos carlo carl charlie carlitos
caroline carolina carol carrie line caro
cassandra cass cassie
catherine katherine kathryn katharina catharina caterina catalina kate kathy katie cathy kat kitty
 kathi käthe trina cat cathrin
charles charlie chuck chas chaz
charlotte lotte lottie charlie lotti
christian chris christl
christina christine kristina kristin kristine chris chrissie christel tina kicki stina krisztina
christopher christoph christophe cristobal kristoffer chris kit topher stoffel toffer
clara klara clärchen
claudia klaudia claudi
claude claudius
concepcion concha conchita
cornelia nelly conny corry
cornelis cornelius kees cor con
cynthia cindy
daniel dan danny dani dany daan
daniela danielle dani
david dave davy dawid davide
deborah debra deb debbie
dietrich dieter didi
dmitri dmitry dmitrij dmytro dima mitya
dolores lola
domenico dominic dominik dominique mimmo nico dom menico
donald don donnie
dorothea dorothy dorothee dora doro dot dotty thea
eduard eduardo edward edouard edmund edi ed eddie eddy ted teddy ned edek
elena yelena jelena helena helen helene elene lena lenka nell leni ilona
eleanor eleonore ellie nora nell leonor
elisabeth elizabeth elisabetta elizaveta elzbieta liz lizzie beth betty bettina lisa liza liesl
 elsa else elli sissi lisbeth betsy eliza libby ela lise babette liesbeth
emilia emily emmy mila emilie
emmanuel manuel manu manolo manny
enrique henrique quique rique kike
ernest ernesto ernst ernie
eugen eugene yevgeni evgeny evgenij jewgeni zhenya gene
fernando fernand nando
filippo felipe philip philipp philippe phil pippo flip pip
florian flo flori
frances francesca franziska francisca fran franzi fanny frankie cesca paca sissi ziska françoise
francis francesco francisco francois franz franciscus frank paco pancho curro kiko chico cisco
 franco checco frans franta frantisek fran
frederick frederik friedrich federico frederic fred freddy fritz fritzi fede rick fredrik
gabriel gabriele gabe gabi
gabriela gabriele gabriella gabrielle gabi gaby ela
galina galya
geoffrey jeffrey jeff geoff
georg george georges jorge giorgio jürgen jörg schorsch georgie yuri jurek jerzy jirka jiri joris
 jordi
gerald gerard gerardo gerhard gerd gerry jerry gert hardy gege
gertrud gertrude trude trudi gerti
giacomo jacopo mino
giovanni gianni nanni vanni gian giovannino
giuseppe beppe peppe peppino beppino pino
gregory gregor grigori greg gregg grisha grzegorz grzesiek
guillermo guillaume memo guille
gustav gustavo gus gustl
hannelore hanne lore hannelene
hans johann johannes hannes hansi jan jens johan joop hanns jo jannes henning
heinrich hendrik henrik henry henri heinz heini henk harry hal hank rik heiko hein
helmut helmuth helmi
herbert herb bert herbie
ignacio ignatius ignaz nacho
igor gosha
irina ira irene
isabel isabella isabelle bella izzy belle isa izabela iza
istvan pisti
ivan vanya
jacob jakob jacobus jake kobi jaap jack jakub kuba köbi
jacqueline jackie jacky
jacques sjaak jacquot
james jim jimmy jamie jem jaime
jan honza janek jasiek jannes
janos jani jancsi
jennifer jen jenny jenni
jessica jess jessie
joan joanna johanna jo joanne hanna hanneke asia jana
john johnny jack jon
jonathan jon jonny nathan
jose pepe chepe josele
joseph josef jozef josip joe joey jo jupp sepp seppi pepi pepa jozek josse zef joschi
joshua josh
jozsef joszi józsi
juan juanito
judith judy jude
jürgen jurgen
julia yulia julija juliana juliane julie jule yulya
julian julien jules
karl carl kalle charly
karla carla
karoline karolina caro karo lina
katarzyna kasia
kathleen kathy kate katie
kenneth ken kenny
kevin kev
klaus claus nicolaus nikolaus
konrad conrad konni kurt
konstantin constantin kostya kostja costa
krzysztof krzysiek krzys
larissa larisa lara lora
lars lasse laurits
laura laurie lori
laurence lawrence lorenz lorenzo laurent larry laurie lars renzo lenz enzo
leonard leonardo leonhard leo len lenny leon nardo
leonid lenya lyonya
leopold poldi leo
lillian lilian lily lilli lil
louis luis luigi ludwig lodewijk lou louie gigi lutz wiggerl gino wickie
louise luisa luise lou lulu
lucas lukas luke luca
ljudmila lyudmila ludmila lyuda mila
magdalena madeleine magda lena leni maddie magdalene madalena
małgorzata gosia malgosia
manfred manni fred mani
manuela manu ela
marcus markus marco marek mark marc marcos
margaret margarete margarethe margarita marguerite margherita meg maggie peggy grete gretel
 gretchen greta marga rita madge marge gretl marge margot
maria mary marie mariya marija mia mitzi masha mascha molly polly mimi manya maja maryla manon
maria mariel mariella
marion marianne marianna nanne
martin marty tinu martijn
martina tina
mathilde matilda tilda tilde tilly
matthew matthias mathias matteo mateo mathieu matt matti hias matze mateusz matthieu thijs mats
maximilian maximilien massimiliano max maxi
maxim maksim max
maurice moritz mauritius morris mo
melanie mel melli
melissa mel lissa missy
michael michel michele miguel mikhail michail mikael michal mike mick mickey micky michi misha
 mischa mikey michiel miki mihail
michaela micaela michi ela
monika monica moni monique
nadezhda nadeschda nadia nadja nadya
natalia natalya natalie nataliya natasha natascha nat tasha natalja
nathaniel nathan nate nat
nicola nicole nicki nikki nicoletta
nicholas nicolas nikolas nikolaos niklas nicolo nick nicky nico niko klaas niels klaus nik colin
nikolai nikolay nikolaj mykola kolya
nils nisse
oleg olezhka
olga olya olja
olaf olof olle ole
oliver olivier oliviero ollie olli noll
olivia liv livia ollie
otto otti
pamela pam
patricia patrizia pat patty tricia trish patti
patrick patrice pat paddy ricky patryk
paul paolo pablo pavel pasha pawel pauli pal
paula paola
pauline paulina polly
pavel pasha
peter pierre pietro pedro petr pieter piotr pete piet petja petya pit peti perico pierrot per
 pelle petter peer
petra peti
philippa pippa pip
piotr piotrek petrus
rachel rachele rae shelly
raimund raymond ramon ray mundi monchi
rebecca rebekka becky becca bex
regina regine gina reggie
reinhard reinhold reini
renate rena nate reni
richard riccardo ricardo rick rich ricky dick richie rico rikard ritchie
robert roberto rob bob bobby robbie bert robi beto robby robin ruprecht
roger rodger rog ruedi
roland rolando roli orlando
ronald ron ronnie
rosario charo
rosa rosalia rosemarie rose rosi rosie rosita
rudolf rudolph rodolfo rudi rolf rudy ruedi
salvatore salvador toto turi salva
samantha sam sammy
samuel sam sammy
sara sarah sally sadie
sebastian sebastien sebastiano seb basti bastian wastl bastien tiao sebi
sergei sergey sergej serge sergio seryozha serhii
sigrid siri sigi
siegfried sigi sigfrid
simon simone simeon sim
sofia sophia sophie sonja sonia zofia zosia sofie sonya
stanislaw stanislav stanislaus stan staszek slava stas
stephen steven stefan stephan stephane stefano esteban steve stevie steff szczepan stef etienne
 steph
stefanie stephanie stefania steffi steph fanny stephie
susan susanne susanna suzanne sue susi susie suzy sanne zuzana zuzanna
svetlana swetlana sveta lana
sylvia silvia silvie sylvie silvi
tatiana tatjana tatyana tanya tanja tania
teresa theresa therese theresia terry tess tessa resi tracy teri tereza
theodor theodore teodoro fyodor fedor fjodor theo ted teddy fedya
thomas tommaso tomas tom tommy thom tomasz tomek thoma maas
timothy timotheus tim timmy timo
tobias toby tobi
ulrich uli ueli ulli
ulrike uli rike ulli
ursula ulla uschi urs ursi orsola
valentina valya vale tina
valentin valentino val
vasily wassili vasilij vasya
veronika veronica vroni ronnie vero nika
victor viktor vic vik vitya vittorio
victoria viktoria vicky vicki tori vika
vincent vincenzo vicente vinzenz vince vinnie enzo vinz
vladimir wladimir volodymyr vova volodya vlad
vyacheslav slava
walter walther walt wally wat gualtiero
wilhelm willi willy helm wim
wilhelmina wilma minna mina willa
william will bill billy willie liam wills guglielmo
willem wim pim
wojciech wojtek
wolfgang wolf wolfi
yaroslav jaroslav slava yarik
yekaterina ekaterina jekaterina katya katja katia
yuri jurij yura jura
zacharias zachary zach zack
"""


def _read_forms() -> dict[str, frozenset[int]]:
    lines: dict[str, set[int]] = {}
    for number, line in enumerate(_FORMS.replace("\n ", " ").split("\n")):
        for form in fold_words(line).split():
            lines.setdefault(form, set()).add(number)
    return {form: frozenset(numbers) for form, numbers in lines.items()}


_LINES = _read_forms()


def is_known(word: str) -> bool:
    """Tell whether a folded word is a given name of the table."""
    return word in _LINES


def are_forms_of_one(one: str, other: str) -> bool:
    """Tell whether two folded words may be forms of one given name: Bob and Robert."""
    left, right = _LINES.get(one), _LINES.get(other)
    return left is not None and right is not None and not left.isdisjoint(right)
