using System.Globalization;

namespace Nixl.Sdk.Bench;

/// <summary>Figures as lines for programs (`figure NAME VALUE UNIT`) and as a table for people.</summary>
internal static class Report
{
    public static void Write(TextWriter output, IReadOnlyList<Figure> figures)
    {
        foreach (var figure in figures)
            output.WriteLine($"figure {figure.Name} {Number(figure.Value)} {figure.Unit}");
        output.WriteLine();

        List<string[]> rows = [["figure", "value", "target", "", "reference", "what it is"]];
        rows.AddRange(figures.Select(figure => new[]
        {
            figure.Name,
            $"{Number(figure.Value)} {figure.Unit}",
            figure.Below is { } below ? $"< {Number(below)} {figure.Unit}" : "-",
            figure.Below is { } target ? figure.Value < target ? "met" : "MISSED" : "",
            figure.Reference is { } reference ? $"{Number(reference)} {figure.Unit}" : "-",
            figure.Note,
        }));
        var widths = Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length)).ToArray();
        foreach (var row in rows)
            output.WriteLine(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
    }

    private static string Number(double value) => value.ToString(value < 10 ? "0.###" : "0.#", CultureInfo.InvariantCulture);
}
