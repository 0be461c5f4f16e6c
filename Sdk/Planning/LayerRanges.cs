using System.Globalization;

namespace Nixl.Sdk.Planning;

/// <summary>Layer numbers as text: <c>0..79</c>, <c>1..23/2</c>, <c>0,5,7</c>.</summary>
internal static class LayerRanges
{
    public static string Format(KvList<int> layers)
    {
        if (layers.Count == 0)
            return "none";
        if (layers.Count == 1)
            return Text(layers[0]);
        var step = layers[1] - layers[0];
        for (var i = 1; i < layers.Count; i++)
        {
            if (layers[i] - layers[i - 1] != step || step < 1)
                return string.Join(",", layers.Select(Text));
        }
        var range = Text(layers[0]) + ".." + Text(layers[layers.Count - 1]);
        return step == 1 ? range : range + "/" + Text(step);
    }

    /// <summary>Reads what <see cref="Format"/> writes, bounded by <paramref name="most"/> layers; null if it is something else.</summary>
    public static KvList<int>? Parse(string text, int most)
    {
        var layers = new List<int>();
        var dots = text.IndexOf("..", System.StringComparison.Ordinal);
        if (dots < 0)
        {
            foreach (var part in text.Split(','))
            {
                if (layers.Count >= most || !TryNumber(part, out var layer))
                    return null;
                layers.Add(layer);
            }
            return new KvList<int>(layers.ToArray());
        }
        var slash = text.IndexOf('/');
        var step = 1;
        if (slash >= 0 && (!TryNumber(text.Substring(slash + 1), out step) || step < 1))
            return null;
        var end = slash < 0 ? text.Length : slash;
        if (dots + 2 > end || !TryNumber(text.Substring(0, dots), out var first) || !TryNumber(text.Substring(dots + 2, end - dots - 2), out var last) ||
            last < first || ((long)last - first) / step >= most)
        {
            return null;
        }
        for (long layer = first; layer <= last; layer += step)
            layers.Add((int)layer);
        return new KvList<int>(layers.ToArray());
    }

    public static bool TryNumber(string text, out int value) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}
