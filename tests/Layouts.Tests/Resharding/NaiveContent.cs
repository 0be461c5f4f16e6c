namespace Nixl.Sdk.Layouts.Tests.Resharding;

/// <summary>What two sides hold in common, chosen at random: no order, no block size, no ranks.</summary>
internal sealed class NaiveContent
{
    public NaiveContent(Random random)
    {
        Layers = random.Next(1, 5);
        Heads = random.Next(3) == 0 ? 0 : random.Next(1, 7);
        HasTokens = random.Next(5) > 0;
        TokensPerEntry = HasTokens && random.Next(4) == 0 ? 2 : 1;
        Parts = new NaivePart[random.Next(1, 4)];
        for (var c = 0; c < Parts.Length; c++)
        {
            var units = random.Next(4) == 0 ? random.Next(1, 5) : 0;
            Parts[c] = new NaivePart(
                "C" + (char)('a' + c),
                random.Next(3),
                First: units > 0 ? units * 4 : 4 * random.Next(1, 3),
                Second: random.Next(1, 3),
                Units: units,
                PerHead: units == 0 && Heads > 0 && (c == 0 || random.Next(4) > 0),
                PerToken: HasTokens && (c == 0 || random.Next(4) > 0),
                Moved: c == 0 || random.Next(5) > 0);
        }
        if (!Array.Exists(Parts, part => part.PerHead))
            Heads = 0;
    }

    public int Layers { get; }

    public int Heads { get; }

    public bool HasTokens { get; }

    public int TokensPerEntry { get; }

    public NaivePart[] Parts { get; }

    /// <summary>Sizes that every component can be split by.</summary>
    public bool Fits(int tp) => Array.TrueForAll(Parts, part => part.Units > 0 ? Divides(part.Units, tp) : !part.PerHead || Divides(Heads, tp));

    /// <summary>The run that a rank holds of some parts, and how many parts it is.</summary>
    public static (int First, int Count) Deal(int parts, int tp, int rank) =>
        parts % tp == 0 ? (rank * (parts / tp), parts / tp) : (rank / (tp / parts), 1);

    private static bool Divides(int parts, int tp) => parts % tp == 0 || tp % parts == 0;
}

/// <summary>One component: what it holds, and per what.</summary>
internal sealed record NaivePart(string Name, int Width, int First, int Second, int Units, bool PerHead, bool PerToken, bool Moved)
{
    public int Bytes => 1 << Width;

    public int Elements => First * Second;
}
