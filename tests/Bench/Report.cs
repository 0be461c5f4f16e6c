using System.Globalization;

namespace Nixl.Sdk.Bench;

/// <summary>Figures as lines for programs (`figure NAME VALUE UNIT`) and as a table for people.</summary>
internal static class Report
{
    public static void WriteLines(TextWriter output, IReadOnlyList<Figure> figures)
    {
        foreach (var figure in figures)
            output.WriteLine($"figure {figure.Name} {Number(figure.Value)} {figure.Unit}");
        output.Flush();
    }

    public static void WriteTable(TextWriter output, IReadOnlyList<Figure> figures)
    {
        List<string[]> rows = [["figure", "value", "target", "", "ours", "reference", "foreign", "what it is"]];
        rows.AddRange(figures.Select(figure => new[]
        {
            figure.Name,
            $"{Number(figure.Value)} {figure.Unit}",
            figure.AtMost is { } most ? $"<= {Number(most)}" : figure.AtLeast is { } least ? $">= {Number(least)}" : "-",
            !figure.HasTarget ? "" : figure.Missed ? "MISSED" : "met",
            figure.Ours ?? "-",
            figure.Reference ?? "-",
            figure.ForeignLoad is { } load ? load.ToString("P0", CultureInfo.InvariantCulture) : "-",
            figure.Note,
        }));
        var widths = Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length)).ToArray();
        foreach (var row in rows)
            output.WriteLine(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
    }

    /// <summary>Four significant digits where there are any.</summary>
    public static string Number(double value) =>
        value.ToString(Math.Abs(value) switch { 0 => "0", < 0.01 => "0.00000", < 10 => "0.###", < 1000 => "0.#", _ => "0" }, CultureInfo.InvariantCulture);
}
