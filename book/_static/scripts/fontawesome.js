// Takes the place of the theme's 1.5 MB icon script; course.css draws the few icons that pages show.
