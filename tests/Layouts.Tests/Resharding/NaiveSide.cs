using System.Globalization;
using Nixl.Sdk.Layouts.Tests.Planning;

namespace Nixl.Sdk.Layouts.Tests.Resharding;

/// <summary>
/// One side of a transfer: a random placement of a content, as letters for the reference and as a schema for the planner, made side
/// by side from the same choices. <see cref="Rank"/> gives one rank's part to the reference.
/// </summary>
internal sealed class NaiveSide
{
    private static readonly ElementType[] Types = [ElementType.Fp8E4M3, ElementType.BFloat16, ElementType.Float32];

    private readonly Random _random;
    private readonly NaiveContent _content;
    private readonly List<string> _rest = [];

    public NaiveSide(NaiveContent content, Random random, bool tiles)
    {
        _random = random;
        _content = content;
        Tp = Choose(random, tp => content.Fits(tp));
        Pp = random.Next(3) == 0 ? 2 : 1;
        int[] sizes = [1, 2, 3, 4, 6];
        Entries = content.HasTokens ? sizes[random.Next(sizes.Length)] : 0;
        Blocks = 7;
        PageAlign = random.Next(4) == 0 ? 32 : 1;
        Compose();
        Tails = new string[content.Parts.Length][];
        var components = new KvComponentSchema[content.Parts.Length];
        var order = Enumerable.Range(0, components.Length).ToArray();
        random.Shuffle(order);
        Declared = order;
        for (var i = 0; i < order.Length; i++)
        {
            var part = content.Parts[order[i]];
            Tails[i] = Tail(part, tiles);
            components[i] = new KvComponentSchema(part.Name, Types[part.Width], [part.First, part.Second])
            {
                Order = string.Join(" ", Tails[i]), Transfer = part.Moved, Shard = part.Units > 0 ? KvShard.Units : KvShard.Auto, Units = part.Units,
            };
        }
        Schema = new KvSchema("Random",
        [
            new KvGroupSchema("kv", string.Join(" ", Tensors) + " | " + string.Join(" ", Shared) + " " + string.Join(" ", Tails[0]))
            {
                Layers = content.Layers, BlockTokens = Entries * content.TokensPerEntry, TokensPerEntry = content.TokensPerEntry, KvHeads = content.Heads,
                PageAlign = PageAlign == 1 ? 0 : PageAlign, Components = [.. components],
            },
        ]);
    }

    public KvSchema Schema { get; }
    public int Tp { get; }
    public int Pp { get; }
    public int Blocks { get; }

    /// <summary>Entries of one block; 0 without tokens.</summary>
    public int Entries { get; }

    /// <summary>The content's parts in declaration order.</summary>
    public int[] Declared { get; }

    public int PageAlign { get; }
    public string[] Tensors { get; private set; } = [];
    public string[] Shared { get; private set; } = [];
    public string[][] Tails { get; }

    public NaiveRank Rank(int tp, int pp) => new(this, _content, tp, pp);

    private static int Choose(Random random, Func<int, bool> fits)
    {
        var sizes = Enumerable.Range(1, 8).Where(fits).ToArray();
        return sizes[random.Next(sizes.Length)];
    }

    private void Compose()
    {
        var tensors = new List<string>();
        var shared = new List<string> { "B" };
        var allHeads = Array.TrueForAll(_content.Parts, part => part.PerHead);
        var allTokens = Array.TrueForAll(_content.Parts, part => part.PerToken);
        foreach (var letter in (string[])["L", "P", "H", "N"])
        {
            if ((letter == "L" && _content.Layers == 1 && _random.Next(2) == 0) || (letter == "H" && _content.Heads == 0) ||
                (letter == "N" && !_content.HasTokens) || (letter == "P" && _content.Parts.Length == 1))
            {
                continue;
            }
            var place = _random.Next(3);
            if ((letter == "H" && !allHeads) || (letter == "N" && !allTokens))
                place = 2;
            if (letter != "N" && place == 0)
                tensors.Insert(_random.Next(tensors.Count + 1), letter);
            else if (letter == "P" || place == 1)
                shared.Insert(_random.Next(shared.Count + 1), letter);
            else
                _rest.Add(letter);
        }
        var end = Math.Max(shared.IndexOf("B"), shared.IndexOf("P")) + 1;
        _rest.AddRange(shared.Skip(end));
        shared.RemoveRange(end, shared.Count - end);
        Tensors = [.. tensors];
        Shared = [.. shared];
    }

    private string[] Tail(NaivePart part, bool tiles)
    {
        var letters = new List<string>();
        foreach (var letter in _rest)
        {
            if ((letter == "H" && !part.PerHead) || (letter == "N" && !part.PerToken))
                continue;
            if (tiles && letter == "N" && Entries % 2 == 0 && _random.Next(3) == 0)
                letters.AddRange(["N/2", "N%2"]);
            else
                letters.Add(letter);
        }
        letters.AddRange(tiles && _random.Next(3) == 0 ? _random.Next(2) == 0 ? ["D/4", "D%4"] : ["D/2", "D%2"] : ["D"]);
        var shuffled = letters.ToArray();
        _random.Shuffle(shuffled);
        return shuffled;
    }
}

/// <summary>One rank of a side, for the reference.</summary>
internal sealed class NaiveRank(NaiveSide side, NaiveContent content, int tp, int pp) : INaiveGroup
{
    public KvParallel Parallel { get; } = new(side.Tp, tp, side.Pp, pp);

    public int PageAlign => side.PageAlign;

    public string[] Tensors => side.Tensors;

    public string[] Shared => side.Shared;

    public string[][] Tails => side.Tails;

    public int[] ElementBytes { get; } = [.. side.Declared.Select(c => content.Parts[c].Bytes)];

    /// <summary>The model's index of the rank's first layer.</summary>
    public int FirstLayer => content.Layers * pp / side.Pp;

    public int LayerCount => content.Layers * (pp + 1) / side.Pp - FirstLayer;

    /// <summary>The first head that the rank holds of a declared component.</summary>
    public int FirstHead(int component) => Part(component).PerHead ? NaiveContent.Deal(content.Heads, side.Tp, tp).First : 0;

    public int FirstElement(int component) =>
        Part(component).Units > 0 ? NaiveContent.Deal(Part(component).Units, side.Tp, tp).First * UnitElements(component) : 0;

    public int Size(string letter, int component)
    {
        var whole = letter[0] switch
        {
            'L' => LayerCount, 'B' => side.Blocks, 'P' => side.Declared.Length, 'N' => side.Entries,
            'H' => NaiveContent.Deal(content.Heads, side.Tp, tp).Count,
            _ => Part(component).Units > 0 ? NaiveContent.Deal(Part(component).Units, side.Tp, tp).Count * UnitElements(component) : Part(component).Elements,
        };
        if (letter.Length == 1)
            return whole;
        var tile = int.Parse(letter[2..], CultureInfo.InvariantCulture);
        return letter[1] == '/' ? whole / tile : tile;
    }

    private NaivePart Part(int component) => content.Parts[side.Declared[component]];

    private int UnitElements(int component) => Part(component).Elements / Part(component).Units;
}
