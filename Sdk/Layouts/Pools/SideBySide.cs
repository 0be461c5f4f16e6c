using System.Text;

namespace Nixl.Sdk;

/// <summary>
/// Two canonical texts beside each other, line by line, for a person: <c>!!</c> marks what must be equal and is not, <c>~</c> what
/// differs and may.
/// </summary>
internal static class SideBySide
{
    private const string Absent = "(none)";

    public static string Format(LayoutSide here, LayoutSide there)
    {
        var (left, right) = (Lines(here), Lines(there));
        var width = left.Max(line => line.Text.Length);
        var text = new StringBuilder();
        foreach (var (a, b) in Align(left, right))
        {
            var mark = a?.Text == b?.Text ? "  " : (a ?? b)!.Value.IsContent ? "!!" : "~ ";
            text.Append(mark).Append(' ').Append((a?.Text ?? Absent).PadRight(width)).Append(" | ").Append(b?.Text ?? Absent).Append('\n');
        }
        return text.ToString();
    }

    // A line's key is where it stands and which field it is, so that lines find each other whatever stands between them.
    private static List<Line> Lines(LayoutSide side)
    {
        var lines = new List<Line>
        {
            new("", $"agent {side.Agent}, pool {side.Pool}", IsContent: false),
            new("model.name", "model name: " + side.Model.Name, IsContent: true),
            new("model.revision", "model revision: " + side.Model.Revision, IsContent: true),
            new("model.rope", "model rope scaling: " + side.Model.RopeScaling, IsContent: true),
        };
        var (group, section) = ("", "");
        foreach (var line in side.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!line.StartsWith(' ')) (group, section) = (line, "");
            else if (!line.StartsWith("    ", StringComparison.Ordinal)) section = line;
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            lines.Add(new Line(group + section + (colon < 0 ? line : line[..colon]), line, section.Length == 0 || section == "  content"));
        }
        return lines;
    }

    // The left side's order; what only the right side has follows the line that it follows there.
    private static List<(Line? Left, Line? Right)> Align(List<Line> left, List<Line> right)
    {
        var rows = new List<(Line? Left, Line? Right)>();
        foreach (var line in left)
            rows.Add((line, right.Cast<Line?>().FirstOrDefault(other => other!.Value.Key == line.Key)));
        var at = 0;
        foreach (var line in right)
        {
            var same = rows.FindIndex(row => (row.Left ?? row.Right)!.Value.Key == line.Key);
            if (same < 0) rows.Insert(at, (null, line));
            at = same < 0 ? at + 1 : same + 1;
        }
        return rows;
    }

    private readonly record struct Line(string Key, string Text, bool IsContent);
}
