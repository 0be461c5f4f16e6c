using System.Globalization;

namespace Nixl.Sdk.Planning;

/// <summary>
/// A physical order, outermost dimension first: <c>tensors | strides</c>. Left of the bar stand the dimensions that are separate
/// tensors with base addresses of their own, right of it those that are strides. L layer, B block, P component, H head, N token
/// in block, D content, T token slot (for B N); <c>D/8</c> and <c>D%8</c> are quotient and remainder of a tile.
/// </summary>
/// <param name="Tensors">The terms left of the bar.</param>
/// <param name="Strides">The terms right of the bar.</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
sealed record LayoutOrder(KvList<OrderDim> Tensors, KvList<OrderDim> Strides)
{
    /// <summary>The longest text that is read.</summary>
    internal const int MaxLength = 128;

    /// <summary>Reads a group's order. Returns null and says why if it is not one.</summary>
    public static LayoutOrder? Parse(string? text, out string? error)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            error = "the order is empty; write the tensors, a bar and the strides, for example \"L P | B N H D\"";
            return null;
        }
        var bar = text!.IndexOf('|');
        if (bar < 0)
        {
            error = Quote(text) + " has no '|'; put it between the dimensions that are separate tensors and those that are " +
                    "strides, at the front if all lie in one tensor";
            return null;
        }
        if (text.IndexOf('|', bar + 1) >= 0)
        {
            error = Quote(text) + " has more than one '|'";
            return null;
        }
        var seen = new List<OrderDim>();
        if (!ReadTerms(text, 0, bar, seen, out error))
            return null;
        var tensors = seen.ToArray();
        if (!ReadTerms(text, bar + 1, text.Length, seen, out error))
            return null;
        var strides = seen.GetRange(tensors.Length, seen.Count - tensors.Length).ToArray();
        return new LayoutOrder(new KvList<OrderDim>(tensors), new KvList<OrderDim>(strides));
    }

    /// <summary>Reads a component's own order: strides only, no bar.</summary>
    public static KvList<OrderDim>? ParseTail(string text, out string? error)
    {
        if (text.IndexOf('|') >= 0)
        {
            error = Quote(text) + " has a '|'; a component's own order replaces only what follows the innermost of B and P";
            return null;
        }
        var seen = new List<OrderDim>();
        if (!ReadTerms(text, 0, text.Length, seen, out error))
            return null;
        foreach (var dim in seen)
        {
            if (dim.Kind is DimKind.Block or DimKind.Component or DimKind.Slot)
            {
                error = Quote(text) + " contains " + dim + "; a component's own order replaces only what follows the innermost of B and P";
                return null;
            }
        }
        if (seen.Count == 0)
        {
            error = "the component's order is empty; leave it out to use the group's";
            return null;
        }
        return new KvList<OrderDim>(seen.ToArray());
    }

    /// <summary>The order with single blanks.</summary>
    public override string ToString()
    {
        var left = string.Join(" ", Tensors);
        return (left.Length == 0 ? "" : left + " ") + "| " + string.Join(" ", Strides);
    }

    private static bool ReadTerms(string text, int from, int to, List<OrderDim> seen, out string? error)
    {
        error = null;
        if (text.Length > MaxLength)
        {
            error = "the order is longer than " + Number(MaxLength) + " characters";
            return false;
        }
        var at = from;
        while (at < to)
        {
            if (char.IsWhiteSpace(text[at]))
            {
                at++;
                continue;
            }
            var kind = OrderDim.Letters.IndexOf(text[at]);
            if (kind < 0)
            {
                error = "'" + text[at] + "' at position " + Number(at + 1) + " of " + Quote(text) + " is not a dimension; they are L layer, " +
                        "B block, P component, H head, N token, D content and T token slot";
                return false;
            }
            var start = at++;
            var dim = ReadTile(text, (DimKind)kind, ref at, to, out error);
            if (dim is null)
                return false;
            if (at < to && !char.IsWhiteSpace(text[at]) && OrderDim.Letters.IndexOf(text[at]) < 0)
            {
                error = "'" + text[at] + "' at position " + Number(at + 1) + " of " + Quote(text) + " is not expected after " + dim;
                return false;
            }
            foreach (var other in seen)
            {
                if (!Clashes(dim, other))
                    continue;
                error = dim + " at position " + Number(start + 1) + " of " + Quote(text) + " clashes with " + other +
                        "; each dimension stands once, or as one pair X/n X%n with the same n";
                return false;
            }
            seen.Add(dim);
        }
        return true;
    }

    private static OrderDim? ReadTile(string text, DimKind kind, ref int at, int to, out string? error)
    {
        error = null;
        if (at >= to || text[at] is not ('/' or '%'))
            return new OrderDim(kind, DimPart.Whole, 0);
        var sign = text[at++];
        var digits = at;
        while (at < to && text[at] is >= '0' and <= '9')
            at++;
        if (!int.TryParse(text.Substring(digits, at - digits), NumberStyles.None, CultureInfo.InvariantCulture, out var tile) || tile < 2)
        {
            error = "'" + sign + "' at position " + Number(digits) + " of " + Quote(text) + " needs a tile size of at least 2 behind it, for example D" + sign + "8";
            return null;
        }
        if (kind is not (DimKind.Content or DimKind.Token))
        {
            error = OrderDim.Letters[(int)kind] + " at position " + Number(digits - 1) + " of " + Quote(text) + " cannot be tiled; only D and N can";
            return null;
        }
        return new OrderDim(kind, sign == '/' ? DimPart.Quotient : DimPart.Remainder, tile);
    }

    // T stands for B N, so it clashes with both; two parts of one tile go together.
    private static bool Clashes(OrderDim a, OrderDim b)
    {
        if (a.Kind == b.Kind)
            return a.Part == b.Part || a.Part == DimPart.Whole || b.Part == DimPart.Whole || a.Tile != b.Tile;
        return (a.Kind == DimKind.Slot && b.Kind is DimKind.Block or DimKind.Token) ||
               (b.Kind == DimKind.Slot && a.Kind is DimKind.Block or DimKind.Token);
    }

    private static string Quote(string text) => "\"" + text.Trim() + "\"";

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
