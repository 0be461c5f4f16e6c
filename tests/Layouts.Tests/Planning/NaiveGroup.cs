using System.Globalization;

namespace Nixl.Sdk.Layouts.Tests.Planning;

/// <summary>
/// A random group, as numbers and letters for the reference and as a schema for the planner. The two are made side by side from
/// the same random choices; neither is derived from the other.
/// </summary>
internal sealed class NaiveGroup : INaiveGroup
{
    private readonly Random _random;
    private readonly int _heads, _tokens, _layers;
    private readonly int[] _elements;

    public NaiveGroup(int seed)
    {
        _random = new Random(seed);
        Blocks = _random.Next(2, 4);
        Tp = _random.Next(4) == 0 ? 2 : 1;
        TpRank = _random.Next(Tp);
        _layers = _random.Next(1, 4);
        var modelHeads = _random.Next(3) == 0 ? 0 : Tp * _random.Next(1, 4);
        _heads = modelHeads / Tp;
        _tokens = _random.Next(4) == 0 ? 0 : 2 * _random.Next(1, 4);
        var perEntry = _tokens > 0 && _random.Next(5) == 0 ? 2 : 1;
        var count = _random.Next(1, 4);
        PageAlign = _random.Next(4) == 0 ? 64 : 1;

        Compose(count, out var slots);
        if (slots)
            PageAlign = 1;
        _elements = new int[count];
        ElementBytes = new int[count];
        Tails = new string[count][];
        Transfer = new bool[count];
        var tail = ShuffledTail(canDrop: false);
        var components = new KvComponentSchema[count];
        for (var c = 0; c < count; c++)
        {
            var own = _random.Next(4) == 0;
            Tails[c] = own ? ShuffledTail(canDrop: count > 1) : tail;
            Transfer[c] = _random.Next(6) > 0;
            components[c] = Component(c, own);
        }
        AtLeastOneHas("H", components);
        AtLeastOneHas("N", components);
        Schema = new KvSchema("Random",
        [
            new KvGroupSchema("kv", string.Join(" ", Tensors) + " | " + OrderText(slots) + " " + string.Join(" ", tail))
            {
                Layers = _layers, BlockTokens = _tokens * perEntry, TokensPerEntry = perEntry, KvHeads = modelHeads,
                PageAlign = PageAlign == 1 ? 0 : PageAlign, Components = [.. components],
            },
        ]);
    }

    public KvSchema Schema { get; }
    public int Blocks { get; }
    public int Tp { get; }
    public int TpRank { get; }
    public int PageAlign { get; }
    public string[] Tensors { get; private set; } = [];
    public string[] Shared { get; private set; } = [];
    public string[][] Tails { get; }
    public int[] ElementBytes { get; }
    public bool[] Transfer { get; }

    private List<string> Rest { get; set; } = [];

    public int Size(string letter, int component)
    {
        var whole = letter[0] switch
        {
            'L' => _layers, 'B' => Blocks, 'P' => _elements.Length, 'H' => _heads, 'N' => _tokens, _ => _elements[component],
        };
        if (letter.Length == 1)
            return whole;
        var tile = int.Parse(letter[2..], CultureInfo.InvariantCulture);
        return letter[1] == '/' ? whole / tile : tile;
    }

    // Deals the letters to the places left of the bar, up to the innermost of B and P, and behind it.
    private void Compose(int count, out bool slots)
    {
        var tensors = new List<string>();
        var shared = new List<string> { "B" };
        foreach (var letter in (string[])["L", "P", "H", "N"])
        {
            if ((letter == "L" && _layers == 1 && _random.Next(2) == 0) || (letter == "H" && _heads == 0) || (letter == "N" && _tokens == 0) ||
                (letter == "P" && count == 1))
            {
                continue;
            }
            var place = _random.Next(3);
            if (letter != "N" && place == 0)
                tensors.Insert(_random.Next(tensors.Count + 1), letter);
            else if (letter == "P" || place == 1)
                shared.Insert(_random.Next(shared.Count + 1), letter);
            else
                Rest.Add(letter);
        }
        // What lies behind the innermost of B and P belongs to the tails.
        var end = Math.Max(shared.IndexOf("B"), shared.IndexOf("P")) + 1;
        Rest.AddRange(shared.Skip(end));
        shared.RemoveRange(end, shared.Count - end);
        slots = false;
        if (shared[^1] == "B" && Rest.Contains("N") && _random.Next(4) == 0)
        {
            slots = true;
            Rest.Remove("N");
            shared.Add("N");
        }
        Tensors = [.. tensors];
        Shared = [.. shared];
    }

    private string OrderText(bool slots) => slots ? string.Join(" ", Shared[..^2].Append("T")) : string.Join(" ", Shared);

    private string[] ShuffledTail(bool canDrop)
    {
        var letters = new List<string>();
        foreach (var letter in Rest)
        {
            if (canDrop && letter != "L" && _random.Next(4) == 0)
                continue;
            if (letter == "N" && _random.Next(3) == 0)
                letters.AddRange(["N/2", "N%2"]);
            else
                letters.Add(letter);
        }
        letters.AddRange(_random.Next(3) == 0 ? ["D/4", "D%4"] : ["D"]);
        var shuffled = letters.ToArray();
        _random.Shuffle(shuffled);
        return shuffled;
    }

    private KvComponentSchema Component(int c, bool own)
    {
        var type = (ElementType[])[ElementType.Fp8E4M3, ElementType.BFloat16, ElementType.Float32];
        var chosen = _random.Next(3);
        ElementBytes[c] = 1 << chosen;
        var units = _random.Next(6) == 0 && !Uses(c, "H");
        var first = 4 * _random.Next(1, 3);
        var second = _random.Next(1, 3);
        _elements[c] = first * second;
        return new KvComponentSchema("C" + (char)('a' + c), type[chosen], units ? [first * Tp, second] : [first, second])
        {
            Order = own ? string.Join(" ", Tails[c]) : null,
            Shard = units ? KvShard.Units : KvShard.Auto,
            Units = units ? Tp : 0,
            Transfer = Transfer[c],
        };
    }

    private bool Uses(int c, string letter) => Tensors.Contains(letter) || Shared.Contains(letter) || Tails[c].Contains(letter);

    // A number whose letter no component uses is an error; the last component takes the group's tail then.
    private void AtLeastOneHas(string letter, KvComponentSchema[] components)
    {
        var given = letter == "H" ? _heads > 0 : _tokens > 0;
        var last = components.Length - 1;
        if (!given || Enumerable.Range(0, components.Length).Any(c => Uses(c, letter) || Tails[c].Any(part => part.StartsWith(letter + "/", StringComparison.Ordinal))))
            return;
        Tails[last] = [letter, .. Tails[last]];
        components[last] = components[last] with { Order = string.Join(" ", Tails[last]), Shard = KvShard.Auto, Units = 0, Shape = [_elements[last]] };
    }
}
